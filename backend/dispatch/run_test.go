package dispatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/queue"
)

// roundTrip is a bot without a network, for tests in a bubble of synctest.
type roundTrip func(*http.Request) (int, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	status, err := f(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}, nil
}

func newWithout(t *testing.T, q *fakeQueue, f roundTrip) *Dispatcher {
	t.Helper()
	d, err := New(Config{Queue: q, Bots: bots.Set{
		"demo": {Name: "demo", URL: "http://bot", Secrets: []string{secretOf("one")}, Timeout: time.Minute, MaxAttempts: 3},
	}})
	require.NoError(t, err)
	d.client = &http.Client{Transport: f}
	return d
}

func TestAttemptsRunAtOnceAndAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		release := make(chan struct{})
		q := newFakeQueue()
		d := newWithout(t, q, func(*http.Request) (int, error) {
			most.Store(max(most.Load(), running.Add(1)))
			<-release
			running.Add(-1)
			return 200, nil
		})
		for i := range 100 {
			q.put(1, newEvent(fmt.Sprint(i)))
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		synctest.Wait()
		require.EqualValues(t, DefaultConcurrency, running.Load())
		close(release)
		for range 100 {
			require.Equal(t, "ack", q.next(t).how)
		}
		require.LessOrEqual(t, most.Load(), int32(DefaultConcurrency))
		cancel()
		require.NoError(t, <-done)
	})
}

func TestQueueAway(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"publish", "ack"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var away atomic.Bool
				var tried, sent atomic.Int32
				q := newFakeQueue()
				q.refuse = func(op string) error {
					if op == operation && away.Load() {
						tried.Add(1)
						return queue.ErrUnavailable
					}
					return nil
				}
				d := newWithout(t, q, func(*http.Request) (int, error) { sent.Add(1); return 200, nil })
				require.Error(t, d.Healthy())
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- d.Run(ctx) }()
				synctest.Wait()
				require.NoError(t, d.Healthy())

				away.Store(true)
				q.put(1, newEvent("e"))
				time.Sleep(time.Minute) //nolint:forbidigo // In the bubble a minute passes at once.
				require.ErrorIs(t, d.Healthy(), queue.ErrUnavailable)
				require.Greater(t, tried.Load(), int32(10))
				require.Less(t, tried.Load(), int32(200))
				require.Empty(t, q.settled)

				away.Store(false)
				require.Equal(t, settled{how: "ack", id: "e", attempt: 1, told: 1}, q.next(t))
				require.EqualValues(t, 1, sent.Load(), "the bot is not asked again")
				require.NoError(t, d.Healthy())
				cancel()
				require.NoError(t, <-done)
				require.Error(t, d.Healthy())
			})
		})
	}
}

func TestLostDeliveryIsLeftAlone(t *testing.T) {
	t.Parallel()
	q := newFakeQueue()
	var acks atomic.Int32
	q.refuse = func(op string) error {
		if op == "ack" && acks.Add(1) == 1 {
			return queue.ErrLost
		}
		return nil
	}
	start(t, q, answering(t, 200), func(c *Config, _ *bots.Bot) { c.Concurrency = 1 })
	q.put(1, newEvent("lost"))
	q.put(1, newEvent("next"))
	require.Equal(t, "next", q.next(t).id)
}

func TestStopLetsAttemptsFinish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue()
		d := newWithout(t, q, func(r *http.Request) (int, error) {
			select {
			case <-time.After(DefaultDrain - time.Second):
				return 200, nil
			case <-r.Context().Done():
				return 0, r.Context().Err()
			}
		})
		q.put(1, newEvent("e"))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		synctest.Wait()
		cancel()
		require.NoError(t, <-done)
		require.Equal(t, "ack", q.next(t).how)
	})
}

func TestStopCutsOffWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		bot  roundTrip
		away error
	}{
		{"the bot", func(r *http.Request) (int, error) { <-r.Context().Done(); return 0, r.Context().Err() }, nil},
		{"the queue", func(*http.Request) (int, error) { return 200, nil }, queue.ErrUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := newFakeQueue()
				q.refuse = func(op string) error {
					if op == "publish" {
						return tc.away
					}
					return nil
				}
				d := newWithout(t, q, tc.bot)
				q.put(1, newEvent("e"))
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- d.Run(ctx) }()
				synctest.Wait()
				started := time.Now()
				cancel()
				require.NoError(t, <-done)
				require.LessOrEqual(t, time.Since(started), DefaultDrain)
				require.Empty(t, q.told(), "the bot is not blamed")
				require.Empty(t, q.settled, "it goes back to the queue")
			})
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
	resp, err := http.Get("http://user:hunter2@127.0.0.1:1/?hunter2")
	if err == nil {
		_ = resp.Body.Close()
	}
	require.Error(t, err)
	require.NotContains(t, withoutURL(err).Error(), "hunter2")
	plain := errors.New("x")
	require.Equal(t, plain, withoutURL(plain))
}
