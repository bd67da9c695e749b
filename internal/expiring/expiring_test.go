package expiring_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/expiring"
)

// itself is for values that say when they end.
func itself(v time.Duration) time.Duration { return v }

func TestSweepForgetsWhatEnded(t *testing.T) {
	t.Parallel()
	m := expiring.New[string](1000, itself)
	m.Set("soon", time.Second)
	m.Set("later", time.Hour)
	m.Sweep(time.Second)
	_, ok := m.Get("soon")
	require.False(t, ok)
	v, ok := m.Get("later")
	require.True(t, ok)
	require.Equal(t, time.Hour, v)
	m.Delete("later")
	require.Zero(t, m.Len())
	m.Set("again", time.Hour)
	m.Clear()
	require.Zero(t, m.Len())
}

func TestFullMapKeepsWhatLasts(t *testing.T) {
	t.Parallel()
	const most = 640
	m := expiring.New[int](most, itself)
	m.Set(-1, time.Hour)
	for i := range 20 * most {
		m.Set(i, time.Second)
	}
	require.LessOrEqual(t, m.Len(), most)
	require.Greater(t, m.Len(), most/2)
	_, ok := m.Get(-1)
	require.True(t, ok, "inventing keys must not flush it out")
}

func TestUpdateSetsOrForgets(t *testing.T) {
	t.Parallel()
	m := expiring.New[string](100, itself)
	more := func(keep bool) {
		m.Update("k", func(v time.Duration, _ bool) (time.Duration, bool) { return v + 1, keep })
	}
	more(false)
	require.Zero(t, m.Len())
	more(true)
	more(true)
	v, _ := m.Get("k")
	require.Equal(t, time.Duration(2), v)
	more(false)
	require.Zero(t, m.Len())
}

// TestLockedKeysChangeTogether moves an amount to and fro between keys that others lock in
// another order.
func TestLockedKeysChangeTogether(t *testing.T) {
	t.Parallel()
	m := expiring.New[int](1000, itself)
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for i := range 1000 {
				from, to := (caller+i)%10, (caller+3*i+1)%10
				locked := m.Lock(from, to)
				amount, _ := locked.Get(from)
				locked.Set(from, amount-1)
				amount, _ = locked.Get(to)
				locked.Set(to, amount+1)
				locked.Unlock()
			}
		})
	}
	callers.Wait()
	sum := time.Duration(0)
	for key := range 10 {
		v, _ := m.Get(key)
		sum += v
	}
	require.Zero(t, sum)
}
