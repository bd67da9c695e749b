package dispatch

import (
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
)

// paused is the set with a bot paused, or resumed now.
func paused(set bots.Set, name string, isPaused bool) bots.Set {
	set = maps.Clone(set)
	b := set[name]
	if b.Paused = isPaused; !isPaused {
		b.ResumedAt = time.Now()
	}
	set[name] = b
	return set
}

// TestPausedBot gets nothing while others do, however long that takes, and all of it afterwards: the pause counts
// neither as an attempt nor as time.
func TestPausedBot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue()
		var tried atomic.Int32
		d := newWithout(t, q, func(r *http.Request) (int, error) {
			if r.Host == "demo" && tried.Add(1) == 1 {
				return http.StatusServiceUnavailable, nil
			}
			return http.StatusNoContent, nil
		}, "other")
		stop := running(t, d)
		set := d.fleet.Load().bots
		require.NoError(t, d.SetBots(paused(set, "demo", true)))
		require.InDelta(t, 1, testutil.ToFloat64(d.metrics.paused.WithLabelValues("demo")), 0)
		require.Zero(t, testutil.ToFloat64(d.metrics.paused.WithLabelValues("other")))
		q.put(2, newEvent("waits"))
		for i := range 3 {
			e := newEvent(fmt.Sprint("goes-", i))
			e.Bot = "other"
			q.put(1, e)
			require.Equal(t, "ack", q.next(t).how)
		}
		time.Sleep(100 * time.Hour) //nolint:forbidigo // In the bubble it passes at once.
		require.Zero(t, tried.Load(), "not even a probe")
		require.Empty(t, q.settled)

		require.NoError(t, d.SetBots(paused(set, "demo", false)))
		failed := q.next(t)
		require.Equal(t, []any{"retry", 2}, []any{failed.how, failed.attempt}, "it is older than give_up_after")
		done := q.next(t)
		require.Equal(t, []any{"ack", "waits", 3}, []any{done.how, done.id, done.attempt})
		require.Zero(t, testutil.ToFloat64(d.metrics.paused.WithLabelValues("demo")))
		for _, c := range q.told() {
			require.NotEqual(t, event.StatusDead, c.Status)
		}
		require.NoError(t, stop())
	})
}

// TestPauseEnds lets a stop, and somebody who gives up an event, through.
func TestPauseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue()
		d := newWithout(t, q, func(*http.Request) (int, error) { return http.StatusNoContent, nil })
		stop := running(t, d)
		require.NoError(t, d.SetBots(paused(d.fleet.Load().bots, "demo", true)))
		for _, id := range []string{"unwanted", "waits"} {
			q.put(1, newEvent(id))
		}
		synctest.Wait()
		d.holds.giveUp("demo", "unwanted")
		given := q.next(t)
		require.Equal(t, []any{"dead", "unwanted"}, []any{given.how, given.id})
		require.NoError(t, stop())
		require.Empty(t, q.settled, "the other one stays in the queue")
	})
}
