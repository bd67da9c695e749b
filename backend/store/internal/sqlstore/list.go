package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/store"
)

const (
	// scanTime bounds how long a list is looked through for a page.
	scanTime = 60 * time.Millisecond
	// scanPieces is in how many pieces that is done.
	scanPieces = 10
)

// ByStatus reports whether a list is read by the index of statuses: a user has fewer events than a status.
func ByStatus(q store.Query) bool { return q.Unfinished() && q.Subject == "" }

// sifts reports whether no index serves all of the filters, so that rows are passed that do not match.
func sifts(q store.Query) bool {
	indexed := 1
	if ByStatus(q) {
		indexed = 0
	}
	for _, text := range []string{q.Bot, q.Subject, q.Type} {
		if text != "" {
			indexed--
		}
	}
	return indexed < 0 || HasAttributes(q) || len(q.Statuses) > 0 && !ByStatus(q)
}

// List implements [store.Store].
func (b *Base) List(ctx context.Context, q store.Query) (page *store.Page, err error) {
	if !q.Possible() {
		return &store.Page{}, nil
	}
	err = b.Read(ctx, func(ctx context.Context, db Query) error {
		list := func(q store.Query) (*store.Page, error) { return b.Page(ctx, db, q) }
		if sifts(q) {
			end := time.Now().Add(scanTime)
			list = func(q store.Query) (*store.Page, error) { return b.sift(ctx, db, q, end) }
		}
		if ByStatus(q) {
			q.Scan = max(q.Rows()/len(q.Statuses), 1)
			page, err = EachStatus(q, list)
		} else {
			page, err = list(q)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", b.Classify(err))
	}
	return page, nil
}

// sift looks through a list piece by piece until it has a page, or has looked through as much as it may:
// then the page ends there.
func (b *Base) sift(ctx context.Context, db Query, q store.Query, end time.Time) (*store.Page, error) {
	page, size, piece := &store.Page{}, q.Size(), max(q.Rows()/scanPieces, 1)
	for rows := q.Rows(); ; {
		edge, err := b.edge(ctx, db, q, piece)
		if err != nil {
			return nil, err
		}
		part, err := b.Page(ctx, db, q.Within(edge))
		if err != nil {
			return nil, err
		}
		page.Records = append(page.Records, part.Records...)
		if page.Next = part.Next; page.Next == nil && !edge.IsZero() {
			page.Next = new(q.Beyond(edge))
		}
		if rows -= piece; page.Next == nil || len(page.Records) >= size || rows <= 0 || time.Now().After(end) {
			return page, nil
		}
		q.After, q.Limit = *page.Next, size-len(page.Records)
	}
}

// edge is the time up to which a list has n rows; zero when it has fewer.
func (b *Base) edge(ctx context.Context, db Query, q store.Query, n int) (time.Time, error) {
	query, args := b.EdgeQuery(q, n)
	times, err := All(ctx, db, ScanTime, query, args...)
	if err != nil || len(times) == 0 {
		return time.Time{}, err
	}
	return times[0], nil
}
