package dispatch

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/outbound"
	"github.com/botgate/botgate/internal/queue"
)

func TestAttemptsRunAtOnceAndAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		release := make(chan struct{})
		q := newFakeQueue()
		d := newWithout(t, q, func(*http.Request) (int, error) {
			most.Store(max(most.Load(), now.Add(1)))
			<-release
			now.Add(-1)
			return 200, nil
		})
		for i := range 100 {
			q.put(1, newEvent(fmt.Sprint(i)))
		}
		stop := running(t, d)
		synctest.Wait()
		require.EqualValues(t, DefaultConcurrency, now.Load())
		close(release)
		for range 100 {
			require.Equal(t, "ack", q.next(t).how)
		}
		require.LessOrEqual(t, most.Load(), int32(DefaultConcurrency))
		require.NoError(t, stop())
	})
}

func TestQueueUnavailable(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"publish", "ack"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var failing atomic.Bool
				var tried, sent atomic.Int32
				q := newFakeQueue()
				q.refuse = func(op string) error {
					if op == operation && failing.Load() {
						tried.Add(1)
						return queue.ErrUnavailable
					}
					return nil
				}
				d := newWithout(t, q, func(*http.Request) (int, error) { sent.Add(1); return 200, nil })
				require.Error(t, d.Healthy())
				stop := running(t, d)
				synctest.Wait()
				require.NoError(t, d.Healthy())

				failing.Store(true)
				q.put(1, newEvent("e"))
				time.Sleep(time.Minute) //nolint:forbidigo // In the bubble a minute passes at once.
				require.ErrorIs(t, d.Healthy(), queue.ErrUnavailable)
				require.Greater(t, tried.Load(), int32(10))
				require.Less(t, tried.Load(), int32(200))
				require.Empty(t, q.settled)

				failing.Store(false)
				require.Equal(t, settled{how: "ack", id: "e", attempt: 1, told: 1}, q.next(t))
				require.EqualValues(t, 1, sent.Load(), "the bot is not asked again")
				synctest.Wait() // For who is told that it was settled.
				require.NoError(t, d.Healthy())
				require.NoError(t, stop())
				require.Error(t, d.Healthy())
			})
		})
	}
}

func TestLostDeliveryIsLeftAlone(t *testing.T) {
	t.Parallel()
	q := newFakeQueue()
	lost := make(chan struct{}, 1)
	var acks atomic.Int32
	q.refuse = func(op string) error {
		if op == "ack" && acks.Add(1) == 1 {
			lost <- struct{}{}
			return queue.ErrLost
		}
		return nil
	}
	start(t, q, answering(t, 200))
	q.put(1, newEvent("lost"))
	<-lost
	q.put(1, newEvent("next"))
	require.Equal(t, "next", q.next(t).id)
}

// TestRefusedNews: what the queue will never take is not offered again, and the event
// that it is about goes on.
func TestRefusedNews(t *testing.T) {
	t.Parallel()
	for _, refusal := range []error{queue.ErrInvalid, queue.ErrTooLarge} {
		synctest.Test(t, func(t *testing.T) {
			var offered atomic.Int32
			q := newFakeQueue()
			q.refuse = func(op string) error {
				if op == "publish" {
					offered.Add(1)
					return fmt.Errorf("publishing: %w", refusal)
				}
				return nil
			}
			d := newWithout(t, q, func(*http.Request) (int, error) { return 200, nil })
			stop := running(t, d)
			q.put(1, newEvent("e"))
			began := time.Now()
			require.Equal(t, settled{how: "ack", id: "e", attempt: 1, told: 0}, q.next(t))
			require.Zero(t, time.Since(began))
			require.EqualValues(t, 1, offered.Load())
			require.NoError(t, d.Healthy())
			require.NoError(t, stop())
		})
	}
}

func TestRunFailsWhenTheSubscriptionEnds(t *testing.T) {
	t.Parallel()
	q := newFakeQueue()
	d := newWithout(t, q, nil)
	close(q.closed)
	require.ErrorIs(t, d.Run(t.Context()), queue.ErrClosed)

	q.refuse = func(string) error { return queue.ErrUnavailable }
	require.ErrorIs(t, d.Run(t.Context()), queue.ErrUnavailable)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, d.Run(ended))
}

func TestNewNamesTheBot(t *testing.T) {
	t.Parallel()
	for _, bad := range []bots.Bot{
		{URL: "http://bot"},
		{URL: "http://bot", Secrets: []string{"hunter2"}},
		{URL: "http://bot", Secrets: []string{secretOf("one"), "whsec_hunter2"}},
		{URL: "http://u:hunter2@bot:x", Secrets: []string{secretOf("one")}},
	} {
		set := bots.Set{"demo": bad}
		_, err := New(Config{Bots: set})
		require.ErrorContains(t, err, `bot "demo"`)
		require.NotContains(t, err.Error(), "hunter2")
		require.Error(t, Check(set))
	}
	reg := prometheus.NewRegistry()
	_, err := New(Config{Registerer: reg})
	require.NoError(t, err)
	_, err = New(Config{Registerer: reg})
	require.Error(t, err, "metrics that nobody sees must not be silent")
}

func TestErrorsWithoutAddress(t *testing.T) {
	t.Parallel()
	target, err := newTarget(bots.Bot{URL: "http://user:hunter2@127.0.0.1:1/?hunter2", Secrets: []string{secretOf("one")}})
	require.NoError(t, err)
	ans := target.post(t.Context(), newTransport(1, outbound.Anywhere), newEvent("e"), 0, time.Now())
	require.Error(t, ans.err)
	require.NotContains(t, ans.err.Error(), "hunter2")
}
