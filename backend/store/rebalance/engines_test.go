package rebalance_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/backend/store/rebalance"
	"github.com/botgate/botgate/backend/store/sharded"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

// openEngine opens a database as a backend does.
func openEngine(ctx context.Context, s sharded.Shard) (sharded.Engine, error) {
	if path, ok := strings.CutPrefix(s.URL, "sqlite:"); ok {
		return sqlite.Open(ctx, sqlite.Config{Path: path})
	}
	return postgres.Open(ctx, postgres.Config{URL: s.URL + "&pool_max_conns=6"})
}

func files(t *testing.T, n int) (urls []string) {
	t.Helper()
	for i := range n {
		urls = append(urls, "sqlite:"+filepath.Join(t.TempDir(), fmt.Sprint(i, ".db")))
	}
	return urls
}

// spread is a map over databases: a, b and so on, of the same size.
func spread(urls ...string) sharded.Map {
	var m sharded.Map
	for i, url := range urls {
		m.Shards = append(m.Shards, sharded.Shard{Name: string(rune('a' + i)), URL: url})
	}
	for bucket := range m.Owners {
		m.Owners[bucket] = m.Shards[bucket*len(urls)/event.Buckets].Name
	}
	return m
}

func start(t *testing.T, m sharded.Map) *sharded.Store {
	t.Helper()
	s, err := sharded.Open(t.Context(), sharded.Config{Map: m, Open: openEngine})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestMoveBetweenFiles(t *testing.T) {
	t.Parallel()
	moveUnderLoad(t, spread(files(t, 2)...))
}

func TestMoveBetweenServers(t *testing.T) {
	t.Parallel()
	moveUnderLoad(t, spread(testsvc.Postgres(t), testsvc.Postgres(t)))
}

// moveUnderLoad moves buckets from a to b, while a process records and another one
// reads.
func moveUnderLoad(t *testing.T, m sharded.Map) {
	writer, reader, mover := start(t, m), start(t, m), start(t, m)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	var all []*event.Event
	recorded := func() []*event.Event {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
	group, _ := errgroup.WithContext(ctx)
	for worker := range 2 {
		group.Go(func() error {
			for n := 0; ctx.Err() == nil; n++ {
				batch := someEvents(t, fmt.Sprintf("user-%d-%d", worker, n%100))
				if err := record(ctx, writer, batch); err != nil {
					return err
				}
				mu.Lock()
				all = append(all, batch...)
				mu.Unlock()
			}
			return nil
		})
	}
	group.Go(func() error {
		for n := 0; ctx.Err() == nil; n++ {
			if so := recorded(); len(so) > 0 {
				if err := readAgain(ctx, reader, so[n*7919%len(so)]); err != nil {
					return err
				}
			}
		}
		return nil
	})
	require.Eventually(t, func() bool { return len(recorded()) > 500 }, time.Minute, time.Millisecond)
	var some []int
	for bucket := range 100 {
		some = append(some, bucket)
	}
	require.NoError(t, rebalance.New(mover).Move(t.Context(), rebalance.Hasty(rebalance.Move{Buckets: some, To: "b", Group: 50})))
	cancel()
	require.NoError(t, group.Wait())
	complete(t, m, some, recorded())
}

// readAgain demands that an event that was recorded is found, also by a process that may not
// know yet where it went.
func readAgain(ctx context.Context, s *sharded.Store, e *event.Event) error {
	about := e.ID
	if c, err := event.ParseChange(e); err == nil && e.IsChange() {
		about = c.EventID
	}
	if _, err := s.Get(store.Fresh(ctx), about); err != nil && ctx.Err() == nil {
		return fmt.Errorf("reading %s: %w", about, err)
	}
	return nil
}

func someEvents(t *testing.T, user string) []*event.Event {
	t.Helper()
	id, err := event.NewID(user)
	require.NoError(t, err)
	e := &event.Event{
		ID: id, Bot: "demo", Type: "command", Subject: user, OrderKey: user, Time: store.Micros(time.Now()),
		ContentType: "application/json", Data: []byte(`{"text":"hello"}`),
	}
	c, err := event.NewChange(e, event.Change{Status: event.StatusDelivered, Attempt: 1, At: time.Now(), DurationMS: 5})
	require.NoError(t, err)
	return []*event.Event{e, c}
}

// record appends as the role record does: again, until it worked.
func record(ctx context.Context, s *sharded.Store, batch []*event.Event) error {
	for {
		_, err := storetest.RecordRouted(context.WithoutCancel(ctx), s, batch)
		if err == nil || !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
}

// complete demands that everything is recorded once, whoever asks, with read models that
// agree.
func complete(t *testing.T, m sharded.Map, moved []int, all []*event.Event) {
	t.Helper()
	for _, bucket := range moved {
		m.Owners[bucket] = "b"
	}
	s := start(t, m) // With the file as it is edited afterwards.
	events, changes := 0, 0
	found := map[string]bool{}
	for after := (store.LogPosition{}); ; {
		page, err := s.Log(t.Context(), store.LogQuery{After: after, Limit: store.MaxLogLimit})
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			require.False(t, found[e.ID])
			found[e.ID] = true
		}
		after = page[len(page)-1].Position()
	}
	for _, e := range all {
		require.True(t, found[e.ID], e.ID)
		if e.IsChange() {
			changes++
		} else {
			events++
		}
	}
	require.Len(t, found, len(all))
	minutes, err := s.Stats(t.Context(), store.StatsQuery{From: all[0].Time.Add(-time.Hour), To: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	var counts store.Counts
	for _, minute := range minutes {
		counts.Add(minute.Counts, 1)
	}
	require.Equal(t, store.Counts{Accepted: int64(events), Delivered: int64(changes)}, counts)
	a, err := s.Engine("a")
	require.NoError(t, err)
	left, err := a.ReadBuckets(t.Context(), moved, store.Position{}, time.Time{}, 1)
	require.NoError(t, err)
	require.Empty(t, left)
}
