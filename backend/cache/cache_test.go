package cache

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestOneLoadForAllReaders(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"memory": "", "redis": testsvc.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := open(t, patient(), url)
			db := newTable("value")
			db.hold = make(chan chan struct{})
			const readers = 1000
			var ready sync.WaitGroup
			ready.Add(readers)
			var group errgroup.Group
			for range readers {
				group.Go(func() error {
					ready.Done()
					got, err := c.Get(t.Context(), "key", db.load)
					if got != "value" {
						return fmt.Errorf("got %q: %w", got, err)
					}
					return err
				})
			}
			on := <-db.hold
			ready.Wait()
			close(on)
			require.NoError(t, group.Wait(), "those who come later find it")
			require.EqualValues(t, 1, db.loads.Load())
		})
	}
}

func TestReaderWhoLeavesDoesNotEndTheLoad(t *testing.T) {
	t.Parallel()
	c, _ := open(t, patient(), "")
	db := newTable("value")
	db.hold = make(chan chan struct{})
	impatient, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { _, err := c.Get(impatient, "key", db.load); left <- err }()
	on := <-db.hold
	stays := make(chan string)
	go func() { v, _ := c.Get(t.Context(), "key", db.load); stays <- v }()
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	close(on)
	require.Equal(t, "value", <-stays)
	require.EqualValues(t, 1, db.loads.Load())
}

func TestLoadHasABound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := patient()
		cfg.LoadTimeout = time.Second
		c, _ := open(t, cfg, "")
		began := time.Now()
		_, err := c.Get(t.Context(), "key", func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
	})
}

func TestErrorsAreNotKept(t *testing.T) {
	t.Parallel()
	c, log := open(t, patient(), "")
	_, err := c.Get(t.Context(), "key", func(context.Context) (string, error) { return "", errDatabase })
	require.ErrorIs(t, err, errDatabase)
	_, err = c.Get(t.Context(), "key", func(context.Context) (string, error) { panic("oh") })
	require.ErrorIs(t, err, errPanicked)
	require.Contains(t, log.String(), "panic=oh")
	requireGet(t, c, newTable("value"), "value", 1)
}

func TestNothingIsKeptToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := patient()
		cfg.NegativeTTL = 5 * time.Second
		c, _ := open(t, cfg, "")
		var db table
		for range 3 {
			_, err := c.Get(t.Context(), "key", db.load)
			require.ErrorIs(t, err, errNotFound)
		}
		require.EqualValues(t, 1, db.loads.Load())
		db.set("value")
		c.Invalidate(t.Context(), "key")
		requireGet(t, c, &db, "value", 2)
		db.value.Store(nil)
		c.Invalidate(t.Context(), "key")
		_, err := c.Get(t.Context(), "key", db.load)
		require.ErrorIs(t, err, errNotFound)
		db.set("value")
		<-time.After(cfg.NegativeTTL)
		requireGet(t, c, &db, "value", 4)
	})
}

func TestDueValueIsAnsweredAndLoadedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := patient()
		cfg.SoftTTL, cfg.HardTTL, cfg.Jitter = 10*time.Second, time.Minute, -1
		c, _ := open(t, cfg, "")
		db := newTable("old")
		requireGet(t, c, db, "old", 1)
		db.set("new")
		<-time.After(cfg.SoftTTL - 1)
		requireGet(t, c, db, "old", 1)
		<-time.After(1)
		for range 10 {
			got, err := c.Get(t.Context(), "key", db.load)
			require.NoError(t, err)
			require.Contains(t, []string{"old", "new"}, got)
		}
		synctest.Wait()
		requireGet(t, c, db, "new", 2)
	})
}

func TestDueValueThatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := patient()
		cfg.SoftTTL, cfg.HardTTL, cfg.Jitter = 10*time.Second, time.Minute, -1
		c, _ := open(t, cfg, "")
		requireGet(t, c, newTable("old"), "old", 1)
		<-time.After(cfg.SoftTTL)
		tries := 0
		broken := func(context.Context) (string, error) { tries++; return "", errDatabase }
		for range 100 {
			got, err := c.Get(t.Context(), "key", broken)
			require.NoError(t, err)
			require.Equal(t, "old", got)
			synctest.Wait()
		}
		require.Equal(t, 1, tries, "the database is not asked without end")
		<-time.After(refreshRetry)
		_, _ = c.Get(t.Context(), "key", broken)
		synctest.Wait()
		require.Equal(t, 2, tries)
		<-time.After(cfg.HardTTL - cfg.SoftTTL - refreshRetry)
		_, err := c.Get(t.Context(), "key", broken)
		require.ErrorIs(t, err, errDatabase, "no value is answered beyond its hard time to live")
	})
}

func TestJitterOnlyShortens(t *testing.T) {
	t.Parallel()
	cfg := patient()
	cfg.Jitter = 0.5
	c, _ := open(t, cfg, "")
	seen := map[time.Duration]bool{}
	for range 100 {
		r, err := c.record("value", nil, false)
		require.NoError(t, err)
		require.LessOrEqual(t, r.hard, cfg.HardTTL)
		require.GreaterOrEqual(t, r.hard, cfg.HardTTL/2)
		require.LessOrEqual(t, r.soft, r.hard)
		seen[r.hard] = true
	}
	require.Greater(t, len(seen), 50)
}

func TestLargeValuesAreNotKept(t *testing.T) {
	t.Parallel()
	cfg := patient()
	cfg.MaxValueBytes = 100
	url := testsvc.Redis(t)
	c, _ := open(t, cfg, url)
	large := strings.Repeat("x", 200)
	db := newTable(large)
	requireGet(t, c, db, large, 1)
	requireGet(t, c, db, large, 2)
	other, _ := open(t, cfg, url)
	requireGet(t, other, db, large, 3)
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	cfg := patient()
	cfg.MaxBytes = 100_000
	c, _ := open(t, cfg, "")
	for i := range 1000 {
		db := newTable(strings.Repeat("x", 1000))
		_, err := c.Get(t.Context(), fmt.Sprint(i), db.load)
		require.NoError(t, err)
	}
	await(t, func() bool { c.memory.CleanUp(); return c.memory.WeightedSize() <= cfg.MaxBytes })
	require.Positive(t, c.memory.EstimatedSize())
}

func TestLoadsAreBounded(t *testing.T) {
	t.Parallel()
	cfg := patient()
	cfg.MaxLoads = 2
	c, _ := open(t, cfg, "")
	db := newTable("value")
	db.hold = make(chan chan struct{}, 10)
	var group errgroup.Group
	for i := range 3 {
		group.Go(func() error { _, err := c.Get(t.Context(), fmt.Sprint(i), db.load); return err })
	}
	first, second := <-db.hold, <-db.hold
	gone, leave := context.WithCancel(t.Context())
	leave()
	_, err := c.Get(gone, "another", db.load)
	require.ErrorIs(t, err, context.Canceled, "there is no place, and the wait for one can be left")
	require.EqualValues(t, 2, db.loads.Load())
	close(first)
	close(<-db.hold)
	close(second)
	require.NoError(t, group.Wait())
}

func TestCloseEndsLoads(t *testing.T) {
	t.Parallel()
	c, err := New(patient())
	require.NoError(t, err)
	requireGet(t, c, newTable("value"), "value", 1)
	db := newTable("value")
	db.hold = make(chan chan struct{})
	failed := make(chan error)
	go func() { _, err := c.Get(t.Context(), "other", db.load); failed <- err }()
	<-db.hold
	c.Close()
	require.ErrorIs(t, <-failed, context.Canceled)
	_, err = c.Get(t.Context(), "other", db.load)
	require.ErrorIs(t, err, errClosed)
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	client, err := redisclient.Open("redis://127.0.0.1:1")
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Close()) }()
	for want, change := range map[string]func(*Config[string]){
		"needs a name":      func(c *Config[string]) { c.Name = "" },
		"soft time to live": func(c *Config[string]) { c.SoftTTL = 2 * c.HardTTL },
		"jitter":            func(c *Config[string]) { c.Jitter = 2 },
		"must be positive":  func(c *Config[string]) { c.LoadTimeout = -1 },
		"needs a prefix":    func(c *Config[string]) { c.Redis, c.Prefix = client, "" },
	} {
		cfg := patient()
		change(&cfg)
		_, err := New(cfg)
		require.ErrorContains(t, err, want)
	}
}
