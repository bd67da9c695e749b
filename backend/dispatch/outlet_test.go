package dispatch

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

// TestNoAttemptWithoutAnOutlet has the queue take no outcomes for a minute: bots are asked no more
// than what was under way, and once each in the end.
func TestNoAttemptWithoutAnOutlet(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		refuse string
		// underWay is how many attempts begin before it is known.
		underWay int
	}{
		{"not ready", "ready", 0},
		{"at its limit", "publish", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var failing atomic.Bool
				var sent atomic.Int32
				q := newFakeQueue()
				q.refuse = func(op string) error {
					if op == tc.refuse && failing.Load() {
						return queue.ErrUnavailable
					}
					return nil
				}
				d := newWithout(t, q, func(*http.Request) (int, error) { sent.Add(1); return 200, nil }, "other")
				stop := running(t, d)
				failing.Store(true)
				q.put(1, newEvent("first"))
				synctest.Wait()
				for n := range 20 {
					e := newEvent(fmt.Sprint("e", n))
					e.Bot = []string{"demo", "other"}[n%2]
					q.put(1, e)
				}
				time.Sleep(time.Minute) //nolint:forbidigo // In the bubble a minute passes at once.
				require.EqualValues(t, tc.underWay, sent.Load())

				failing.Store(false)
				for range 21 {
					require.Equal(t, "ack", q.next(t).how)
				}
				require.EqualValues(t, 21, sent.Load())
				require.NoError(t, stop())
			})
		})
	}
}

// TestStopWhileTheQueueIsNotReady ends at once: nothing is under way.
func TestStopWhileTheQueueIsNotReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue()
		q.refuse = func(op string) error {
			if op == "ready" {
				return queue.ErrUnavailable
			}
			return nil
		}
		d := newWithout(t, q, func(*http.Request) (int, error) { return 200, nil })
		stop := running(t, d)
		q.put(1, newEvent("e"))
		synctest.Wait()
		began := time.Now()
		require.NoError(t, stop())
		require.Zero(t, time.Since(began))
		require.Empty(t, q.settled)
	})
}
