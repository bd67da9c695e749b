package cache

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/internal/testsvc"
)

// TestWriteBeatsALoadUnderWay is of a load that read before the write and ends after it.
func TestWriteBeatsALoadUnderWay(t *testing.T) {
	t.Parallel()
	for name, drop := range map[string]func(c *Cache[string]){
		"of the key": func(c *Cache[string]) { c.Invalidate(context.Background(), "other", "key") },
		"of all":     func(c *Cache[string]) { c.DropAll() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := open(t, patient(), "")
			db := newTable("old")
			db.hold = make(chan chan struct{})
			early := make(chan string)
			go func() { v, _ := c.Get(t.Context(), "key", db.load); early <- v }()
			on := <-db.hold
			db.set("new")
			drop(c)
			late := make(chan string)
			go func() { v, _ := c.Get(t.Context(), "key", db.load); late <- v }()
			close(<-db.hold)
			require.Equal(t, "new", <-late, "who asks after the write does not wait for the old load")
			close(on)
			require.Equal(t, "old", <-early)
			requireGet(t, c, db, "new", 2)
		})
	}
}

// TestWriteElsewhereBeatsALoadInRedis is of the first process, which loads, the second,
// which writes meanwhile, and the third, which must not find the old value in Redis.
func TestWriteElsewhereBeatsALoadInRedis(t *testing.T) {
	t.Parallel()
	url, cfg := testsvc.Redis(t), patient()
	loads, _ := open(t, cfg, url)
	writes, _ := open(t, cfg, url)
	reads, _ := open(t, cfg, url)
	db := newTable("old")
	db.hold = make(chan chan struct{})
	early := make(chan string)
	go func() { v, _ := loads.Get(t.Context(), "key", db.load); early <- v }()
	on := <-db.hold
	db.set("new")
	writes.Invalidate(t.Context(), "key")
	close(on)
	require.Equal(t, "old", <-early, "the notice did not arrive there yet")
	idle(t, loads)
	db.hold = nil
	requireGet(t, reads, db, "new", 2)
	idle(t, reads)
	requireGet(t, writes, db, "new", 2)

	loads.Invalidate(t.Context(), "key")
	requireGet(t, loads, db, "new", 3)
}

// TestOldLoadDoesNotUseANewLease has a second load begin after the write: the first one's lease is not the second one's.
func TestOldLoadDoesNotUseANewLease(t *testing.T) {
	t.Parallel()
	url, cfg := testsvc.Redis(t), patient()
	one, _ := open(t, cfg, url)
	two, _ := open(t, cfg, url)
	ctx := t.Context()
	_, _, old, err := one.remote.begin(ctx, "key", need{})
	require.NoError(t, err)
	require.True(t, old.granted)
	_, _, second, err := two.remote.begin(ctx, "key", need{})
	require.NoError(t, err)
	require.False(t, second.granted, "one at a time")
	require.NoError(t, two.remote.invalidate(ctx, []string{"key"}))
	_, _, second, err = two.remote.begin(ctx, "key", need{})
	require.NoError(t, err)
	require.True(t, second.granted)
	keep := func(c *Cache[string], l lease, value string) {
		r, err := c.record(value, nil, false)
		require.NoError(t, err)
		require.NoError(t, c.remote.store(ctx, "key", l, r))
	}
	keep(one, old, "old")
	found, _, _, err := one.remote.begin(ctx, "key", need{})
	require.NoError(t, err)
	require.Nil(t, found)
	keep(two, second, "new")
	found, _, _, err = one.remote.begin(ctx, "key", need{})
	require.NoError(t, err)
	require.Equal(t, `"new"`, string(found.encoded))
}

func TestNoticesInvalidate(t *testing.T) {
	t.Parallel()
	bus, err := notify.NewLocal(nil)
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	c, _ := open(t, patient(), "")
	t.Cleanup(bus.Subscribe(c.Subscriber(func(n *notify.Notice) string { return n.Subject })))
	now := func(want string, db *table) func() bool {
		return func() bool { got, _ := c.Get(t.Context(), "key", db.load); return got == want }
	}
	db := newTable("1")
	requireGet(t, c, db, "1", 1)
	db.set("2")
	bus.Publish(t.Context(), []notify.Notice{{Subject: "other"}, {Subject: "key"}, {Subject: "key"}})
	await(t, now("2", db))
	db.set("3")
	bus.Lose()
	await(t, now("3", db))
	require.EqualValues(t, 3, db.loads.Load())
}
