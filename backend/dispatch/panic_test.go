package dispatch

import (
	"bytes"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

// TestPanicIsAFailedAttempt panics once, before or after the bot has answered.
func TestPanicIsAFailedAttempt(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"attempt", "publish", "ack"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				var panicked atomic.Bool
				hit := func(place string) {
					if place == where && !panicked.Swap(true) {
						panic("poison")
					}
				}
				q := newFakeQueue()
				q.refuse = func(op string) error { hit(op); return nil }
				d := newWithout(t, q, func(*http.Request) (int, error) { hit("attempt"); return 200, nil })
				d.log = slog.New(slog.NewTextHandler(&out, nil))
				d.slots.total, d.target("demo").gate.breaker = 1, breaker{share: 1, step: 1}
				stop := running(t, d)
				q.put(1, newEvent("e"))
				require.Equal(t, "retry", q.next(t).how)
				require.Equal(t, "ack", q.next(t).how, "no slot is lost")
				require.NoError(t, stop())
				told := q.told()
				failed := told[len(told)-2]
				require.Equal(t, event.StatusFailed, failed.Status)
				require.Equal(t, "the attempt failed inside Botgate", failed.Error)
				require.Contains(t, out.String(), "level=ERROR")
				require.Contains(t, out.String(), "event_id=e panic=poison")
				require.Contains(t, out.String(), "panic_test.go", "the stack is there")
			})
		})
	}
}

func TestEventThatAlwaysPanicsDies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue()
		d := newWithout(t, q, func(*http.Request) (int, error) { panic("poison") })
		stop := running(t, d)
		q.put(1, newEvent("e"))
		require.Equal(t, "retry", q.next(t).how)
		require.Equal(t, "retry", q.next(t).how)
		require.Equal(t, settled{
			how: "dead", id: "e", attempt: 3, told: 3, reason: "out of attempts: the attempt failed inside Botgate",
		}, q.next(t))
		require.NoError(t, stop())
	})
}

// TestPanicThatCannotBeSettled ends the run, which its owner repeats, not the process.
func TestPanicThatCannotBeSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue()
		q.refuse = func(op string) error {
			if op == "publish" {
				panic("poison")
			}
			return nil
		}
		d := newWithout(t, q, func(*http.Request) (int, error) { return 200, nil })
		q.put(1, newEvent("e"))
		require.ErrorIs(t, d.Run(t.Context()), errPanicked)
		require.Empty(t, q.settled)
	})
}
