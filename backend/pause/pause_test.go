package pause_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/internal/sqldb/sqldbtest"
	"github.com/botgate/botgate/backend/pause"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

var tables = sqldbtest.Part[*pause.SQL]{
	Name: "pauses", Unavailable: pause.ErrUnavailable,
	New: func(db sqldb.DB) *pause.SQL { return pause.NewSQL(db, nil) },
	Read: func(ctx context.Context, s *pause.SQL) error {
		_, err := s.Load(ctx)
		return err
	},
}

func TestTables(t *testing.T) {
	t.Parallel()
	tables.Test(t)
}

func TestStores(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		testStore(t, tables.Migrated(t, fresh(t)(t)))
	})
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		options, err := redis.ParseURL(testsvc.StartRedis(t).URL)
		require.NoError(t, err)
		client := redis.NewClient(options)
		t.Cleanup(func() { _ = client.Close() })
		kept := pause.Redis{Client: client}
		testStore(t, kept)
		require.NoError(t, client.Close())
		_, err = kept.Load(t.Context())
		require.ErrorIs(t, err, pause.ErrUnavailable)
		require.ErrorIs(t, kept.Set(t.Context(), "demo", pause.State{}), pause.ErrUnavailable)
	})
}

// testStore has two processes share a store.
func testStore(t *testing.T, kept pause.Store) {
	t.Helper()
	var seen []map[string]pause.State
	api, dispatch := pause.New(kept, nil, nil), pause.New(kept, func(s map[string]pause.State) { seen = append(seen, s) }, nil)
	require.NoError(t, dispatch.Refresh(t.Context()))
	require.Empty(t, seen)
	never, err := api.Set(t.Context(), "demo", false, "alice")
	require.NoError(t, err)
	require.Zero(t, never, "it was never paused")
	begun := time.Now().Add(-time.Microsecond)
	first, err := api.Set(t.Context(), "demo", true, "alice")
	require.NoError(t, err)
	require.Equal(t, []any{true, "alice"}, []any{first.Paused, first.By})
	require.WithinRange(t, first.Since, begun, time.Now())
	again, err := api.Set(t.Context(), "demo", true, "bob")
	require.NoError(t, err)
	require.Equal(t, first, again, "who paused it first did")
	require.Equal(t, map[string]pause.State{"demo": first}, api.All())
	for range 2 {
		require.NoError(t, dispatch.Refresh(t.Context()))
	}
	require.Equal(t, []map[string]pause.State{{"demo": first}}, seen)
	other, err := api.Set(t.Context(), "other", true, "")
	require.NoError(t, err)
	ended, err := api.Set(t.Context(), "demo", false, "bob")
	require.NoError(t, err)
	require.NoError(t, dispatch.Refresh(t.Context()))
	require.Equal(t, map[string]pause.State{"demo": ended, "other": other}, dispatch.All())
	require.Equal(t, []any{false, "bob"}, []any{ended.Paused, ended.By})
}

// fakeStore may be away.
type fakeStore struct {
	mu  sync.Mutex
	err error
	has map[string]pause.State
}

func (f *fakeStore) Load(context.Context) (map[string]pause.State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.has, f.err
}

func (f *fakeStore) Set(context.Context, string, pause.State) error { return f.err }

func (f *fakeStore) set(has map[string]pause.State, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.has, f.err = has, err
}

// TestLastStatesStay while nobody knows better.
func TestLastStatesStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		paused := map[string]pause.State{"demo": {Paused: true}}
		kept := &fakeStore{has: paused}
		p := pause.New(kept, nil, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		synctest.Wait()
		require.Equal(t, paused, p.All())
		kept.set(nil, errors.New("away"))
		time.Sleep(time.Minute) //nolint:forbidigo // In the bubble it passes at once.
		require.Equal(t, paused, p.All())
		_, err := p.Set(ctx, "demo", false, "")
		require.Error(t, err)
		require.Equal(t, paused, p.All())
		kept.set(map[string]pause.State{}, nil)
		time.Sleep(2 * time.Second) //nolint:forbidigo // In the bubble it passes at once.
		require.Empty(t, p.All())
		cancel()
		require.NoError(t, <-done)
	})
}
