package cache

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestRedisIsAskedFirst(t *testing.T) {
	t.Parallel()
	url, cfg := testsvc.Redis(t), patient()
	one, _ := open(t, cfg, url)
	two, _ := open(t, cfg, url)
	db := newTable("value")
	requireGet(t, one, db, "value", 1)
	idle(t, one)
	requireGet(t, two, db, "value", 1)
	var nothing table
	for _, c := range []*Cache[string]{one, two} {
		_, err := c.Get(t.Context(), "nothing", nothing.load)
		require.ErrorIs(t, err, errNotFound)
		idle(t, c)
	}
	require.EqualValues(t, 1, nothing.loads.Load())
	other := cfg
	other.Prefix += "2:"
	three, _ := open(t, other, url)
	requireGet(t, three, db, "value", 2)
}

// TestAgeTravelsThroughRedis finds the bound kept, whatever tiers a value went through.
func TestAgeTravelsThroughRedis(t *testing.T) {
	t.Parallel()
	url, cfg := testsvc.Redis(t), patient()
	cfg.SoftTTL, cfg.HardTTL, cfg.Jitter = 10*time.Second, time.Minute, -1
	one, _ := open(t, cfg, url)
	two, _ := open(t, cfg, url)
	db := newTable("value")
	db.hold = make(chan chan struct{})
	go func() { _, _ = one.Get(t.Context(), "key", db.load) }()
	on := <-db.hold
	read := time.Now()
	await(t, func() bool { return time.Since(read) > 100*time.Millisecond })
	close(on)
	idle(t, one)
	await(t, func() bool { return time.Since(read) > 200*time.Millisecond })
	requireGet(t, two, db, "value", 1)
	e := two.look("key")
	ends := time.Since(read) + e.expiresAt - two.now()
	require.LessOrEqual(t, ends, cfg.HardTTL+rounding, "since it was read")
	due := time.Since(read) + e.staleAt - two.now()
	require.LessOrEqual(t, due, cfg.SoftTTL+rounding)
}

// TestDueValueInRedis is answered, and loaded again once for both.
func TestDueValueInRedis(t *testing.T) {
	t.Parallel()
	url, cfg := testsvc.Redis(t), patient()
	cfg.SoftTTL = time.Millisecond
	one, _ := open(t, cfg, url)
	cfg.SoftTTL = 0
	two, _ := open(t, cfg, url)
	db := newTable("old")
	requireGet(t, one, db, "old", 1)
	idle(t, one)
	db.set("new")
	await(t, func() bool { return one.look("key").staleAt < one.now() })
	requireGet(t, two, db, "old", 1)
	await(t, func() bool {
		got, err := two.Get(t.Context(), "key", db.load)
		require.NoError(t, err)
		return got == "new"
	})
	idle(t, two)
	_, _ = one.Get(t.Context(), "key", db.load)
	await(t, func() bool { idle(t, one); got, _ := one.Get(t.Context(), "key", db.load); return got == "new" })
	require.EqualValues(t, 2, db.loads.Load(), "one took it from the other")
}

// TestAfterALossRedisIsNotTrustedBlindly finds what was loaded before it left alone.
func TestAfterALossRedisIsNotTrustedBlindly(t *testing.T) {
	t.Parallel()
	url, cfg := testsvc.Redis(t), patient()
	one, _ := open(t, cfg, url)
	two, _ := open(t, cfg, url)
	db := newTable("old")
	requireGet(t, one, db, "old", 1)
	idle(t, one)
	db.set("new") // And the notice, with the invalidation, is lost.
	two.DropAll()
	dropped := time.Now()
	requireGet(t, two, db, "new", 2)
	idle(t, two)
	await(t, func() bool { return time.Since(dropped) > 2*rounding })
	one.DropAll()
	requireGet(t, one, db, "new", 3)
	idle(t, one)
	two.invalidate([]string{"key"})
	requireGet(t, two, db, "new", 3) // What was loaded after it is taken.
}

// TestInvalidationThatRedisDidNotTake finds the old value of Redis not taken by who knows better.
func TestInvalidationThatRedisDidNotTake(t *testing.T) {
	t.Parallel()
	url, cfg := testsvc.Redis(t), patient()
	proxy := testsvc.StartProxy(t, url)
	one, _ := open(t, cfg, url)
	cfg.RedisBudget = 50 * time.Millisecond
	two, _ := open(t, cfg, proxy.URL)
	db := newTable("old")
	requireGet(t, one, db, "old", 1)
	idle(t, one)
	await(t, func() bool {
		two.invalidate([]string{"key"})
		_, err := two.Get(t.Context(), "key", func(context.Context) (string, error) { return "", errDatabase })
		return err == nil
	})
	proxy.Partition(false, true)
	db.set("new")
	two.Invalidate(t.Context(), "key")
	proxy.Cut()
	await(t, func() bool {
		two.invalidate([]string{"key"})
		got, err := two.Get(t.Context(), "key", db.load)
		require.NoError(t, err)
		require.Equal(t, "new", got)
		_, _, _, err = two.remote.begin(t.Context(), "any", need{})
		return err == nil
	})
	two.invalidate([]string{"key"})
	got, err := two.Get(t.Context(), "key", db.load)
	require.NoError(t, err)
	require.Equal(t, "new", got)
}

type freshKey struct{}

// TestLoadsAfterAnInvalidationAreFresh finds those of other processes fresh, too, also
// before they hear of it.
func TestLoadsAfterAnInvalidationAreFresh(t *testing.T) {
	t.Parallel()
	url, cfg := testsvc.Redis(t), patient()
	cfg.FreshWindow = time.Minute
	cfg.Fresh = func(ctx context.Context) context.Context { return context.WithValue(ctx, freshKey{}, true) }
	one, _ := open(t, cfg, url)
	two, _ := open(t, cfg, url)
	var fresh atomic.Bool
	load := func(ctx context.Context) (string, error) {
		fresh.Store(ctx.Value(freshKey{}) != nil)
		return "value", nil
	}
	get := func(c *Cache[string], key string) bool {
		fresh.Store(false)
		_, err := c.Get(t.Context(), key, load)
		require.NoError(t, err)
		idle(t, c)
		return fresh.Load()
	}
	require.False(t, get(one, "key"))
	two.Invalidate(t.Context(), "key")
	require.False(t, get(two, "other"))
	one.invalidate([]string{"nothing"})
	one.memory.InvalidateAll() // As if it had been evicted.
	require.True(t, get(one, "key"))
	_, lease := one.remote.names("key")
	require.Equal(t, "fresh", one.remote.client.Get(t.Context(), lease).Val(), "for a while")
	local, _ := open(t, Config[string]{Name: "test", FreshWindow: cfg.FreshWindow, Fresh: cfg.Fresh}, "")
	require.False(t, get(local, "key"))
	local.Invalidate(t.Context(), "key")
	require.True(t, get(local, "key"))
	local.DropAll()
	require.True(t, get(local, "other"))
}

func TestForeignTextInRedis(t *testing.T) {
	t.Parallel()
	url, cfg := testsvc.Redis(t), patient()
	for _, text := range []string{"", "x", "1 2 3", "90000 1 0 0 {", "90000 1 0 0", "1 99999999999999999999 0 0 1"} {
		c, _ := open(t, cfg, url)
		name, _ := c.remote.names("key")
		require.NoError(t, c.remote.client.Set(t.Context(), name, text, time.Minute).Err())
		requireGet(t, c, newTable("value"), "value", 1)
		idle(t, c)
		c.Invalidate(t.Context(), "key")
	}
}

// TestRedisUnreachable finds memory and the database going on.
func TestRedisUnreachable(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(*testsvc.Server) }{
		"killed": {(*testsvc.Server).Kill, (*testsvc.Server).Restart},
		"hung":   {(*testsvc.Server).Pause, (*testsvc.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cfg := testsvc.StartRedis(t), patient()
			cfg.RedisBudget = 100 * time.Millisecond
			reg := prometheus.NewRegistry()
			var err error
			cfg.Metrics, err = NewMetrics(reg)
			require.NoError(t, err)
			// The client's own timeouts are no help here: the budget has to be.
			c, log := open(t, cfg, server.URL+"?read_timeout=1m&dial_timeout=1m")
			shared := func() bool { _, _, _, err := c.remote.begin(t.Context(), "any", need{}); return err == nil }
			await(t, shared)
			before := strings.Count(log.String(), "level=WARN")
			fault.begin(server)
			began := time.Now()
			for i := range 100 {
				key := strings.Repeat("k", i+1)
				for _, value := range []string{"old", "new"} {
					db := newTable(value)
					for range 2 {
						got, err := c.Get(t.Context(), key, db.load)
						require.NoError(t, err)
						require.Equal(t, value, got)
					}
					require.EqualValues(t, 1, db.loads.Load())
					c.Invalidate(t.Context(), key)
				}
			}
			require.Less(t, time.Since(began), time.Minute, "the budget bounds the wait, and a Redis that is away is left alone")
			// On a busy machine Redis may have been slow before.
			require.Contains(t, []int{max(1, before), before + 1}, strings.Count(log.String(), "level=WARN"))
			require.Positive(t, metricValue(t, reg, "botgate_cache_degraded"))
			fault.end(server)
			await(t, shared)
		})
	}
}

func metricValue(t *testing.T, reg prometheus.Gatherer, name string) (total float64) {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				total += m.GetGauge().GetValue()
			}
		}
	}
	return total
}

func TestOneSlotOfACluster(t *testing.T) {
	t.Parallel()
	node := testsvc.StartRedisNode(t)
	client, err := redisclient.Open(node.URL)
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Close()) }()
	require.NoError(t, client.Do(t.Context(), "cluster", "addslotsrange", 0, 16383).Err())
	await(t, func() bool {
		info, err := client.Do(t.Context(), "cluster", "info").Text()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
	cfg := patient()
	cfg.FreshWindow = time.Minute
	url := strings.Replace(node.URL, "redis://", "redis+cluster://", 1)
	one, log := open(t, cfg, strings.TrimSuffix(url, "/0"))
	two, _ := open(t, cfg, strings.TrimSuffix(url, "/0"))
	db := newTable("old")
	requireGet(t, one, db, "old", 1)
	idle(t, one)
	requireGet(t, two, db, "old", 1)
	db.set("new")
	one.Invalidate(t.Context(), "key", "}", "other", "{}")
	two.invalidate([]string{"key"})
	requireGet(t, two, db, "new", 2)
	require.NotContains(t, log.String(), "level=WARN")
}
