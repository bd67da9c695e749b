package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/backend/store"
)

// catchUp sends what is in the log and was not sent, and then the notices that came meanwhile. If the feed overflowed
// while the log was read, the log is read again. If the store is unavailable, it is asked again with the next heartbeat;
// until then, notices are still sent.
func (s *stream) catchUp(ctx context.Context, notices []notify.Notice) error {
	for {
		if err := s.readLog(ctx); err != nil && s.out.err == nil && ctx.Err() == nil {
			return s.send(notices)
		}
		more, overflow, lost := s.feed.take()
		if err := s.send(append(notices, more...)); err != nil || ctx.Err() != nil || !overflow && !lost {
			return err
		}
		notices = nil
	}
}

// readLog sends what was recorded after s.sure.
func (s *stream) readLog(ctx context.Context) error {
	settled := time.Now().Add(-settle)
	q := s.feed.filter.LogQuery
	q.After, q.Limit = store.LogPosition{RecordedAt: s.sure}, store.MaxLogLimit
	for {
		entries, err := s.page(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.RecordedAt.Before(s.floor) {
				continue
			}
			if n := notify.Of(e); s.feed.filter.matches(&n) {
				if err := s.send([]notify.Notice{n}); err != nil {
					return err
				}
			}
		}
		if len(entries) < q.Limit {
			break
		}
		q.After = entries[len(entries)-1].Position()
		s.advance(slices.MinFunc([]time.Time{q.After.RecordedAt, settled}, time.Time.Compare))
	}
	s.advance(settled)
	return nil
}

func (s *stream) page(ctx context.Context, q store.LogQuery) ([]store.Entry, error) {
	ctx, cancel := context.WithTimeout(store.Fresh(ctx), s.timeout)
	defer cancel()
	entries, err := s.reader.Log(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("reading the log for a stream: %w", err)
	}
	return entries, nil
}

// advance notes that everything recorded before a time was sent.
func (s *stream) advance(sure time.Time) {
	if sure.After(s.sure) {
		s.sure = sure
		s.sent.forget(sure)
	}
}

// send sends notices, except those that this stream sent before.
func (s *stream) send(notices []notify.Notice) error {
	for _, n := range notices {
		position, ok := store.ParseLogCursor(n.Cursor)
		if !ok {
			s.feed.lose() // The log has its position.
			continue
		}
		if !s.sent.add(n.Cursor, n.RecordedAt) {
			continue
		}
		n.Cursor = "" // The id has it.
		if err := s.out.event(s.id(position), string(n.Status), n); err != nil {
			return err
		}
	}
	return nil
}

// id is the position from which a client that reconnects misses nothing: that of the event, unless the log could not be
// read for long.
func (s *stream) id(p store.LogPosition) string {
	if limit := s.sure.Add(overlap); limit.Before(p.RecordedAt) {
		p = store.LogPosition{RecordedAt: limit}
	}
	return p.Cursor()
}

// maxSent bounds how many entries a stream remembers.
const maxSent = 1 << 16

// sent has the times of recording of the entries that a stream sent, by their cursors, as far back as the log is read
// again. Of a flood the rest is not remembered, and may be sent twice.
type sent map[string]time.Time

// add reports whether the entry is new.
func (s sent) add(cursor string, recorded time.Time) bool {
	if _, there := s[cursor]; there {
		return false
	}
	if len(s) < maxSent {
		s[cursor] = recorded
	}
	return true
}

// forget removes what was recorded before a time.
func (s sent) forget(before time.Time) {
	maps.DeleteFunc(s, func(_ string, recorded time.Time) bool { return recorded.Before(before) })
}
