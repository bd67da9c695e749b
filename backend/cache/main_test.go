package cache

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

const (
	patience = time.Minute
	tick     = 2 * time.Millisecond
)

var errDatabase = errors.New("the database is away")

// patient is a configuration for tests that are not about a slow machine.
func patient() Config[string] {
	return Config[string]{
		Name: "test", SoftTTL: 30 * time.Minute, HardTTL: time.Hour, NegativeTTL: time.Hour,
		LoadTimeout: time.Minute, RedisBudget: 20 * time.Second, Prefix: "test:" + uuid.NewString() + ":",
	}
}

// open starts a cache until the end of the test, over the Redis unless the URL is empty.
func open[V any](t testing.TB, cfg Config[V], url string) (*Cache[V], *testlog.Buffer) {
	t.Helper()
	log := new(testlog.Buffer)
	cfg.Logger = log.Logger()
	if url != "" {
		client, err := redisclient.Open(url)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, client.Close()) })
		cfg.Redis = client
	}
	c, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, log
}

// table is a database of one value.
type table struct {
	value atomic.Pointer[string]
	loads atomic.Int64
	// hold, if there is one, is told of each load once it has read, and lets it go on.
	hold chan chan struct{}
}

func newTable(value string) *table {
	t := new(table)
	t.set(value)
	return t
}

func (t *table) set(value string) { t.value.Store(&value) }

func (t *table) load(ctx context.Context) (string, error) {
	t.loads.Add(1)
	value := t.value.Load()
	if t.hold != nil {
		on := make(chan struct{})
		t.hold <- on
		select {
		case <-on:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	if value == nil {
		return "", errNotFound
	}
	return *value, nil
}

// requireGet finds a value after so many loads.
func requireGet(t *testing.T, c *Cache[string], db *table, value string, loads int) {
	t.Helper()
	got, err := c.Get(t.Context(), "key", db.load)
	require.NoError(t, err)
	require.Equal(t, value, got)
	require.EqualValues(t, loads, db.loads.Load())
}

// await waits until what goes on in the background is done.
func await(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, what, patience, tick)
}

// idle waits until no load is under way, to its end in Redis.
func idle[V any](t *testing.T, caches ...*Cache[V]) {
	t.Helper()
	await(t, func() bool {
		for _, c := range caches {
			if len(c.slots) > 0 {
				return false
			}
		}
		return true
	})
}
