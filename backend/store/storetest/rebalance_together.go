package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

var togetherCases = map[string]func(*testing.T, Store){
	"everything at once": testTogether,
}

// testTogether runs all operations of a store concurrently; afterwards the read models must be
// those of the log.
func testTogether(t *testing.T, s Store) {
	w := newWorld(t)
	events, m := w.events(12), newModel()
	w.record(s, m, events[:len(events)/3])
	buckets := []int{event.BucketOf("u2")}
	writers, ctx := errgroup.WithContext(t.Context())
	half := len(events) / 2
	for _, part := range [][]*event.Event{events[:half+5], events[half-5:]} {
		writers.Go(func() error { return appendAll(ctx, s, part) })
	}
	writers.Go(func() error { return keep(ctx, s, buckets) })
	done := make(chan struct{})
	readers, reading := errgroup.WithContext(t.Context())
	readers.Go(func() error {
		for {
			select {
			case <-done:
				return nil
			default:
			}
			if err := readAll(reading, s); err != nil {
				return err
			}
		}
	})
	err := writers.Wait()
	close(done)
	require.NoError(t, errors.Join(err, readers.Wait()))
	require.Empty(t, moves(t, s))
	m = modelOf(t, s)
	require.NotContains(t, m.subjects(), "ü 3")
	requireEqual(t, m, s)
}

// appendAll records what is not fenced at the time.
func appendAll(ctx context.Context, s Store, events []*event.Event) error {
	for batch := range slices.Chunk(events, 3) {
		if err := Append(ctx, s, batch); err != nil && !errors.Is(err, store.ErrFenced) {
			return err
		}
	}
	return nil
}

func keep(ctx context.Context, s Store, buckets []int) error {
	days, err := s.Days(ctx)
	if err != nil {
		return err
	}
	for _, d := range days {
		if _, err := s.Rebuild(ctx, d); err != nil {
			return err
		}
	}
	if err := s.Fence(ctx, buckets, "elsewhere", nothing); err != nil {
		return err
	}
	if err := s.DropFenced(ctx, buckets); err != nil {
		return err
	}
	if _, err := s.Retain(ctx, days[0].Add(day)); err != nil {
		return err
	}
	if err := s.Fence(ctx, buckets, "", nothing); err != nil {
		return err
	}
	_, err = s.Erase(ctx, "ü 3", farFuture, nil)
	return err
}

func readAll(ctx context.Context, s Store) error {
	page, err := s.List(ctx, store.Query{Limit: 20})
	if err != nil {
		return err
	}
	for _, r := range page.Records[:min(len(page.Records), 2)] {
		if _, err := s.Get(ctx, r.Event.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	_, userErr := s.User(ctx, store.UserQuery{Subject: "u1"})
	_, pastErr := s.User(ctx, store.UserQuery{Subject: "u1", At: start.Add(24 * time.Hour)})
	_, statsErr := s.Stats(ctx, store.StatsQuery{From: longAgo, To: farFuture})
	_, logErr := s.Log(ctx, store.LogQuery{Limit: 30})
	_, bucketsErr := s.ReadBuckets(ctx, []int{1, 2}, store.Position{}, time.Time{}, 30)
	return errors.Join(userErr, pastErr, statsErr, logErr, bucketsErr)
}
