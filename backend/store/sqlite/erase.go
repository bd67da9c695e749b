package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

const selectOfUser = `select ` + sqlstore.LogColumns + ` from events e
where e.subject = $1 and e.subject <> '' and (e.event_time < $2 or e.recorded_at < $2)
order by e.event_time, e.id limit $3`

// Erase implements [store.Maintainer].
func (s *Store) Erase(ctx context.Context, subject string, before time.Time, erased func(events int64) error) (events int64, err error) {
	if subject == "" {
		return events, nil
	}
	err = s.forEach(ctx, nil, sqlstore.InsertErasure, []any{store.HashSubject(subject), before})
	if err == nil {
		err = inSteps(ctx, func() (last bool, err error) {
			n, last, err := s.eraseSome(ctx, subject, before)
			events += n
			if err == nil && erased != nil {
				err = erased(n)
			}
			return last, err
		})
	}
	if err != nil {
		return events, fmt.Errorf("erasing a user's events: %w", classify(err))
	}
	return events, nil
}

func (s *Store) eraseSome(ctx context.Context, subject string, before time.Time) (events int64, last bool, err error) {
	err = s.step(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.ofUser(ctx, subject, before)
		if last = len(rows) == 0; err != nil || last {
			return err
		}
		for _, e := range rows {
			if e.Ref == "" {
				events++
			}
		}
		return t.remove(ctx, rows)
	})
	if err != nil {
		return 0, false, err
	}
	return events, last, nil
}

// ofUser returns some of a user's entries, with all other entries of their events.
func (t *transaction) ofUser(ctx context.Context, subject string, before time.Time) ([]store.Entry, error) {
	rows, err := t.entries(ctx, selectOfUser, subject, before, removeRows)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(rows))
	for _, e := range rows {
		seen[e.ID] = true
	}
	for _, e := range rows {
		if e.Ref != "" {
			continue
		}
		about, err := t.entries(ctx, selectAbout, e.EventTime, e.ID)
		if err != nil {
			return nil, err
		}
		for _, other := range about {
			if !seen[other.ID] {
				seen[other.ID] = true
				rows = append(rows, other)
			}
		}
	}
	return rows, nil
}
