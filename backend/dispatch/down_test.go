package dispatch

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// TestBotThatIsDownIsLeftAlone follows an outage of ten minutes: only probes are sent, few of which
// count as attempts, and once the bot is back everything that waited goes,
// without waiting out a backoff.
func TestBotThatIsDownIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]func() (int, error){
		"refused":  func() (int, error) { return 0, syscall.ECONNREFUSED },
		"503":      func() (int, error) { return http.StatusServiceUnavailable, nil },
		"429":      func() (int, error) { return http.StatusTooManyRequests, nil },
		"404":      func() (int, error) { return http.StatusNotFound, nil },
		"not HTTP": func() (int, error) { return 0, errors.New("transport connection broken: malformed HTTP response") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const waiting = 60
				var out bytes.Buffer
				var isUp atomic.Bool
				var tried, now, most atomic.Int32
				q := newFakeQueue()
				d := newWithout(t, q, func(*http.Request) (int, error) {
					if !isUp.Load() {
						tried.Add(1)
						return outage()
					}
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(time.Millisecond) //nolint:forbidigo // In the bubble it passes at once.
					now.Add(-1)
					return 204, nil
				}, "other")
				d.slots.log = slog.New(slog.NewTextHandler(&out, nil))
				d.target("demo").bot.MaxAttempts = 0
				stop := running(t, d)
				for i := range waiting {
					q.put(1, newEvent(fmt.Sprint(i)))
				}
				time.Sleep(10 * time.Minute) //nolint:forbidigo // In the bubble it passes at once.
				require.Less(t, int(tried.Load()), 700, "the others wait for the probes")
				require.Less(t, len(q.told()), 50)
				require.InDelta(t, 1, testutil.ToFloat64(d.metrics.botOpen.WithLabelValues("demo")), 0)
				require.Equal(t, 1, strings.Count(out.String(), "bot is down"))
				require.Equal(t, 2, strings.Count(out.String(), "attempts to deliver to a bot fail"), "one a period")
				require.NotContains(t, out.String(), "bot=other")
				for len(q.settled) > 0 {
					require.Equal(t, "retry", (<-q.settled).how)
				}

				isUp.Store(true)
				time.Sleep(2 * time.Second) //nolint:forbidigo // The next probe is due by then.
				require.Len(t, q.settled, waiting)
				require.LessOrEqual(t, int(most.Load()), 16)
				require.Greater(t, int(most.Load()), 8)
				require.Zero(t, testutil.ToFloat64(d.metrics.botOpen.WithLabelValues("demo")))
				require.Equal(t, 3, strings.Count(out.String(), "level=WARN"))
				require.Equal(t, 1, strings.Count(out.String(), "level=INFO"))
				require.Contains(t, out.String(), `msg="bot is back" bot=demo down_for=10m`)
				require.Contains(t, out.String(), fmt.Sprintf("failed_attempts=%d\n", tried.Load()))
				require.NoError(t, stop())
			})
		})
	}
}

// openBreaker has so many events fail that the bot is left alone.
func openBreaker(t *testing.T, q *fakeQueue, d *Dispatcher) {
	t.Helper()
	d.target("demo").bot.MaxAttempts = 0
	for i := range openAfter {
		q.put(1, newEvent(fmt.Sprint(i)))
	}
	synctest.Wait()
	for len(q.settled) > 0 {
		require.Equal(t, "retry", (<-q.settled).how)
	}
}

// TestWaitingIsNoAttempt: what waited for a bot that is down has no attempt more.
func TestWaitingIsNoAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var isUp atomic.Bool
		q := newFakeQueue()
		d := newWithout(t, q, func(r *http.Request) (int, error) {
			if isUp.Load() || r.Header.Get("ce-id") == "late" {
				return 204, nil
			}
			return 503, nil
		})
		stop := running(t, d)
		openBreaker(t, q, d)
		q.put(1, newEvent("late"))
		synctest.Wait()
		require.Empty(t, q.settled, "it waits")
		isUp.Store(true)
		time.Sleep(2 * time.Minute) //nolint:forbidigo // In the bubble it passes at once.
		require.Len(t, q.settled, openAfter+1)
		for range openAfter + 1 {
			got := <-q.settled
			require.Equal(t, "ack", got.how)
			if got.id == "late" {
				require.Equal(t, 1, got.attempt)
			}
		}
		require.NoError(t, stop())
	})
}

// TestDownForAllItsTime: only what the bot was down for all of its time is given up unasked.
func TestDownForAllItsTime(t *testing.T) {
	t.Parallel()
	const refused, unasked = "out of time: the bot refused the connection", "out of time: the bot is down"
	for name, tc := range map[string]struct {
		age, after time.Duration
		dead       map[string]int // At least so many for each reason.
		alive      int            // At least.
	}{
		"old when the process starts": {9 * time.Hour, time.Minute, map[string]int{refused: 5}, 60},
		"old after the first minutes": {4 * time.Hour, 3 * time.Hour, map[string]int{refused: 80}, 0},
		"young in the fourth hour":    {0, 230 * time.Minute, nil, 80},
		"old in the fifth hour":       {0, 250 * time.Minute, map[string]int{unasked: 70}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const events = 80
				q := newFakeQueue()
				q.settled = make(chan settled, 10_000)
				d := newWithout(t, q, func(*http.Request) (int, error) { return 0, syscall.ECONNREFUSED })
				b := &d.target("demo").bot
				b.MaxAttempts, b.GiveUpAfter = 0, 4*time.Hour
				for i := range events {
					e := newEvent(fmt.Sprint(i))
					e.Time = time.Now().Add(-tc.age)
					q.put(1, e)
				}
				stop := running(t, d)
				time.Sleep(tc.after) //nolint:forbidigo // In the bubble it passes at once.
				dead, sum := map[string]int{}, 0
				for _, c := range q.told() {
					if c.Status == event.StatusDead {
						dead[c.Error]++
						sum++
					}
				}
				for reason, least := range tc.dead {
					require.GreaterOrEqual(t, dead[reason], least)
				}
				require.Len(t, tc.dead, min(len(dead), len(tc.dead)))
				require.GreaterOrEqual(t, events-sum, tc.alive)
				require.NoError(t, stop())
			})
		})
	}
}

// TestSuspectsDoNotWaitForABotThatIsDown: they keep others from being handed out.
func TestSuspectsDoNotWaitForABotThatIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue()
		d := newWithout(t, q, func(*http.Request) (int, error) { return 503, nil })
		stop := running(t, d)
		openBreaker(t, q, d)
		q.deliveries <- &queue.Delivery{Event: newEvent("suspect"), Attempt: 1, Crashes: queue.SuspectAfter}
		require.Equal(t, "postpone", q.next(t).how)
		require.NoError(t, stop())
	})
}

// TestRetryNow asks a bot at once that wanted to be left alone for longer.
func TestRetryNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var isUp atomic.Bool
		q := newFakeQueue()
		d := newWithout(t, q, func(*http.Request) (int, error) { return 503, nil })
		d.clients.public = answerFunc(func() *http.Response {
			if isUp.Load() {
				return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}
			}
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody, Header: http.Header{"Retry-After": {"3000"}}}
		})
		stop := running(t, d)
		openBreaker(t, q, d)
		isUp.Store(true)
		time.Sleep(time.Minute) //nolint:forbidigo // In the bubble it passes at once.
		require.Empty(t, q.settled, "the bot wants to be left alone")
		q.retryNow("nobody")
		synctest.Wait()
		require.Empty(t, q.settled)
		q.retryNow("demo")
		synctest.Wait()
		require.Len(t, q.settled, openAfter)
		require.NoError(t, stop())
	})
}

type answerFunc func() *http.Response

func (f answerFunc) RoundTrip(*http.Request) (*http.Response, error) { return f(), nil }
