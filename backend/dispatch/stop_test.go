package dispatch

import (
	"context"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

func TestDrainIsAsLongAsTheSlowestBotTakes(t *testing.T) {
	t.Parallel()
	for want, timeouts := range map[time.Duration][]time.Duration{
		7 * time.Second:  {time.Second, 7 * time.Second},
		10 * time.Second: {time.Second, 0},
		MaxDrain:         {time.Second, time.Minute},
	} {
		set := bots.Set{}
		for i, timeout := range timeouts {
			set[string(rune('a'+i))] = bots.Bot{URL: "http://bot", Secrets: []string{secretOf("one")}, Timeout: timeout}
		}
		d, err := New(Config{Bots: set})
		require.NoError(t, err)
		require.Equal(t, want, d.drain())
	}
}

func TestStopLetsAttemptsFinish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue()
		d := newWithout(t, q, func(r *http.Request) (int, error) {
			select {
			case <-time.After(MaxDrain - time.Second):
				return 200, nil
			case <-r.Context().Done():
				return 0, r.Context().Err()
			}
		})
		q.put(1, newEvent("e"))
		stop := running(t, d)
		synctest.Wait()
		require.NoError(t, stop())
		require.Equal(t, "ack", q.next(t).how)
	})
}

// TestWhatIsKnownAtTheEndCounts has bots whose answer arrives as the drain time ends.
func TestWhatIsKnownAtTheEndCounts(t *testing.T) {
	t.Parallel()
	for how, outcome := range map[string]struct {
		status int
		err    error
	}{
		"ack": {200, nil}, "dead": {410, nil}, "retry": {0, syscall.ECONNRESET},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := newFakeQueue()
				d := newWithout(t, q, func(r *http.Request) (int, error) {
					<-r.Context().Done()
					return outcome.status, outcome.err
				})
				q.put(1, newEvent("e"))
				stop := running(t, d)
				synctest.Wait()
				require.NoError(t, stop())
				require.Len(t, q.settled, 1)
				got := <-q.settled
				require.Equal(t, how, got.how)
				require.Equal(t, 1, got.told)
			})
		})
	}
}

func TestStopCutsOffWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		bot  roundTrip
		err  error
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
						return tc.err
					}
					return nil
				}
				d := newWithout(t, q, tc.bot)
				q.put(1, newEvent("e"))
				stop := running(t, d)
				synctest.Wait()
				started := time.Now()
				require.NoError(t, stop())
				require.Equal(t, MaxDrain, time.Since(started))
				require.Empty(t, q.told(), "the bot is not blamed")
				require.Empty(t, q.settled, "it goes back to the queue")
			})
		})
	}
}

// deaf is a queue that never says whether it has what is published.
type deaf struct{ *fakeQueue }

func (deaf) Publish(ctx context.Context, _ ...*event.Event) error { <-ctx.Done(); return ctx.Err() }

func TestStopWithQueueHanging(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := deaf{newFakeQueue()}
		d := newWithout(t, q, func(*http.Request) (int, error) { return 200, nil })
		q.put(1, newEvent("e"))
		stop := running(t, d)
		synctest.Wait()
		started := time.Now()
		require.NoError(t, stop())
		require.Equal(t, MaxDrain+Grace, time.Since(started))
		require.Empty(t, q.settled)
	})
}
