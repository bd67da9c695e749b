package dispatch

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// TestExpired: an event that is too old when its turn comes is not delivered, and that is
// told; one that somebody replays is.
func TestExpired(t *testing.T) {
	t.Parallel()
	aged := func(id string, age time.Duration) *event.Event {
		e := newEvent(id)
		e.Time = e.Time.Add(-age)
		return e
	}
	for name, c := range map[string]struct {
		delivery *queue.Delivery
		expires  time.Duration
		want     event.Status
		attempt  int
	}{
		"young":               {&queue.Delivery{Event: aged("e", time.Minute), Attempt: 1}, time.Hour, event.StatusDelivered, 1},
		"old, and no bound":   {&queue.Delivery{Event: aged("e", 48*time.Hour), Attempt: 1}, 0, event.StatusDelivered, 1},
		"old":                 {&queue.Delivery{Event: aged("e", 2*time.Hour), Attempt: 1}, time.Hour, event.StatusExpired, 0},
		"old at a later try":  {&queue.Delivery{Event: aged("e", 2*time.Hour), Attempt: 3}, time.Hour, event.StatusExpired, 2},
		"old, but replayed":   {&queue.Delivery{Event: aged("e", 2*time.Hour), Attempt: 1, Replays: 1}, time.Hour, event.StatusDelivered, 1},
		"a clock that is off": {&queue.Delivery{Event: aged("e", -time.Hour), Attempt: 1}, time.Minute, event.StatusDelivered, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			q := newFakeQueue()
			address := bot(t, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
			start(t, q, address, func(_ *Config, b *bots.Bot) { b.ExpireAfter = c.expires })
			q.deliveries <- c.delivery
			require.Equal(t, "ack", q.next(t).how)
			change := q.told()[0]
			require.Equal(t, c.want, change.Status)
			require.Equal(t, c.attempt, change.Attempt)
			require.Equal(t, c.want == event.StatusExpired, requests.Load() == 0)
		})
	}
}
