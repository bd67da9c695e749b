package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// drill runs a breaker by hand.
type drill struct {
	*testing.T
	breaker
	now time.Time
}

func newDrill(t *testing.T, share int) *drill {
	return &drill{t, breaker{share: share, step: share}, time.Now()}
}

// attempts makes attempts one after the other, which have to be admitted.
func (d *drill) attempts(results ...health) {
	d.Helper()
	for _, h := range results {
		require.True(d, d.admits(0, d.now))
		d.observe(d.admit(), h, 0, d.now)
	}
}

// untilProbe lets time pass until the next probe may go, which is within the bounds.
func (d *drill) untilProbe(least, most time.Duration) {
	d.Helper()
	require.False(d, d.admits(0, d.now))
	wait := d.probeAt.Sub(d.now)
	require.GreaterOrEqual(d, wait, least)
	require.LessOrEqual(d, wait, most)
	d.now = d.probeAt
}

func TestBreakerOpensAndClosesInSteps(t *testing.T) {
	t.Parallel()
	d := newDrill(t, 16)
	d.attempts(down, down, down, down, up, down, down, down, down, unknown)
	require.Zero(t, d.since, "not five in a row")
	d.attempts(down)
	require.Equal(t, d.now, d.since)
	for _, most := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		d.untilProbe(most*time.Second/2, most*time.Second)
		p := d.admit()
		require.False(t, d.admits(0, d.now), "one probe at a time")
		d.observe(p, down, 0, d.now)
	}
	d.untilProbe(30*time.Second, time.Minute)
	d.attempts(unknown) // It says nothing, so the next one may go at once.
	for _, step := range []int{1, 2, 4, 8} {
		d.attempts(up)
		require.True(t, d.admits(step-1, d.now))
		require.False(t, d.admits(step, d.now))
		require.NotZero(t, d.since)
	}
	d.attempts(up)
	require.Zero(t, d.since)
	require.True(t, d.admits(15, d.now))
	require.False(t, d.admits(16, d.now))
	d.attempts(down, down, down, down, down)
	d.untilProbe(500*time.Millisecond, time.Second)
}

func TestBreakerOpensAgainOnItsWayBack(t *testing.T) {
	t.Parallel()
	d := newDrill(t, 16)
	d.attempts(down, down, down, down, down)
	since := d.since
	d.untilProbe(500*time.Millisecond, time.Second)
	d.attempts(up, up, down, up, down)
	require.Equal(t, 4, d.step, "an event that the bot can't take is no reason")
	d.attempts(down)
	d.untilProbe(time.Second, 2*time.Second)
	require.Equal(t, since, d.since)
}

func TestBreakerHearsAttemptsFromBeforeOnlyWhenTheBotIsUp(t *testing.T) {
	t.Parallel()
	d := newDrill(t, 16)
	var before []pass
	for range 8 {
		before = append(before, d.admit())
	}
	for _, p := range before[:6] {
		d.observe(p, down, 0, d.now)
	}
	d.untilProbe(500*time.Millisecond, time.Second)
	probe := d.admit()
	d.observe(before[6], down, 0, d.now)
	require.False(t, d.admits(0, d.now), "the probe decides")
	d.observe(before[7], up, 0, d.now)
	require.Equal(t, 1, d.step)
	d.observe(probe, up, 0, d.now)
	require.Equal(t, 2, d.step)
}

func TestBreakerHonoursRetryAfter(t *testing.T) {
	t.Parallel()
	d := newDrill(t, 16)
	d.attempts(down, down, down, down)
	d.observe(d.admit(), down, 10*time.Minute, d.now)
	d.untilProbe(10*time.Minute, 10*time.Minute)
	d.attempts(down)
	d.untilProbe(time.Second, 2*time.Second)
}

// TestPauses: who was tried often before does not wait long for a bot that fails since a moment.
func TestPauses(t *testing.T) {
	t.Parallel()
	d := newDrill(t, 16)
	backoff := func(attempt int) time.Duration { return time.Duration(attempt) * time.Hour }
	pause := func(attempt int, h health) time.Duration {
		delay, next := d.pause(attempt, h, backoff, d.now)
		if d.step > 0 {
			require.Equal(t, d.now.Add(delay), next)
		} else {
			require.Equal(t, d.probeAt, next)
		}
		return delay
	}
	d.attempts(down)
	require.Equal(t, time.Hour, pause(50, down))
	require.Equal(t, 50*time.Hour, pause(50, up), "it is the event")
	d.attempts(up, down)
	require.Equal(t, 50*time.Hour, pause(50, down), "the bot was well a moment ago")
	d.now = d.now.Add(time.Minute)
	d.attempts(down)
	require.Equal(t, 2*time.Hour, pause(50, down))
	require.Equal(t, time.Hour, pause(1, down))
	d.attempts(down, down, down)
	require.Zero(t, pause(50, down))
}
