package dispatch

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/queue"
)

// What the queue wants back goes back untried when no attempt has begun, and the attempt that has goes
// on to its end.
func TestRecalledDeliveriesGoBack(t *testing.T) {
	t.Parallel()
	reached, release := make(chan struct{}), make(chan struct{})
	q := newFakeQueue()
	bot := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(reached)
		<-release
	})
	server := httptest.NewServer(bot)
	defer server.Close()
	d := start(t, q, server.URL, func(c *Config, _ *bots.Bot) { c.Concurrency = 1 })
	recalled, recall := context.WithCancel(t.Context())
	defer recall()
	put := func(id string) {
		q.deliveries <- &queue.Delivery{Event: newEvent(id), Attempt: 1, Recalled: recalled}
	}
	put("begun")
	<-reached
	put("waits")
	require.Eventually(t, func() bool { return testutil.ToFloat64(d.metrics.waiting) == 1 }, time.Minute, time.Millisecond)
	recall()
	got := q.next(t)
	require.Equal(t, settled{how: "postpone", id: "waits", attempt: 1}, got)
	close(release)
	for got = q.next(t); got.how == "postpone"; {
		got = q.next(t)
	}
	require.Equal(t, "ack", got.how)
	require.Equal(t, "begun", got.id)
}
