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

func (d *drill) untilNextProbe() {
	d.Helper()
	d.untilProbe(750*time.Millisecond, 1500*time.Millisecond)
}

func TestBreakerOpensAndClosesInSteps(t *testing.T) {
	t.Parallel()
	d := newDrill(t, 16)
	d.attempts(down, down, down, down, up, down, down, down, down, unknown)
	require.Zero(t, d.since, "not five in a row")
	d.attempts(down)
	require.Equal(t, d.now, d.since)
	charged := 0
	for range 100 {
		d.untilNextProbe()
		p := d.admit()
		require.False(t, d.admits(0, d.now), "one probe at a time")
		d.observe(p, down, 0, d.now)
		if d.charges {
			charged++
		}
	}
	require.InDelta(t, 8, charged, 1, "after 1, 2, 4, 8, 16, 32, 60 seconds")
	d.untilNextProbe()
	d.attempts(unknown) // It says nothing, so the next one may go at once.
	for _, step := range []int{1, 2, 4, 8} {
		d.attempts(up)
		require.True(t, d.admits(step-1, d.now))
		require.False(t, d.admits(step, d.now))
		require.NotZero(t, d.since)
	}
	d.attempts(up)
	require.True(t, d.charges)
	require.Zero(t, d.since)
	require.True(t, d.admits(15, d.now))
	require.False(t, d.admits(16, d.now))
	d.attempts(down, down, down, down, down)
	d.untilNextProbe()
}

func TestBreakerOpensAgainOnItsWayBack(t *testing.T) {
	t.Parallel()
	d := newDrill(t, 16)
	d.attempts(down, down, down, down, down)
	since := d.since
	d.untilNextProbe()
	d.attempts(up, up, down, up, down)
	require.Equal(t, 4, d.step, "an event that the bot can't take is no reason")
	d.attempts(down)
	d.untilNextProbe()
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
	d.untilNextProbe()
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
	d.untilNextProbe()
}

// TestPauses: a backoff grows where it is the event that fails, not where it may be the bot.
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
	require.Equal(t, time.Hour, pause(1, down))
	require.Equal(t, time.Hour, pause(50, down), "nothing was taken for a while")
	d.attempts(up, down, down)
	require.Equal(t, time.Hour, pause(2, down), "nothing was taken since it began to fail")
	require.Equal(t, 3*time.Hour, pause(3, down), "others were taken between its attempts")
	d.now = d.now.Add(time.Minute)
	d.attempts(down)
	require.Equal(t, time.Hour, pause(50, down))
	d.attempts(down, down)
	require.Zero(t, pause(50, down))
}
