package dispatch

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
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
	var once sync.Once
	q := newFakeQueue()
	bot := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		once.Do(func() { close(reached) })
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
	for got = q.next(t); got.id != "begun"; { // The other one came again, and may be done first.
		got = q.next(t)
	}
	require.Equal(t, "ack", got.how)
}

// Bots that are down keep nobody from handing their queues over: what waits for them moves along, and
// reaches them once and in order when they are back.
func TestBotsThatAreDownMoveToAnotherProcess(t *testing.T) {
	t.Parallel()
	q := openBroker(t)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	set, all := bots.Set{}, []*illBot{}
	for n := range 4 {
		ill, name := newIllBot(t, "503"), fmt.Sprint("ill-", n)
		all, set[name] = append(all, ill), ill.bot(name)
	}
	begin := func() (*Dispatcher, func() error) {
		d, err := New(Config{Queue: q, Bots: set})
		require.NoError(t, err)
		return d, running(t, d)
	}
	_, stopFirst := begin()
	for name := range set {
		publish(t, q, eventsOf(name))
	}
	for _, ill := range all {
		require.Eventually(t, func() bool { return ill.asked.Load() > 0 }, patience, 5*time.Millisecond)
	}
	second, stopSecond := begin()
	require.Eventually(t, func() bool { return testutil.ToFloat64(second.metrics.waiting) > 0 }, patience, 10*time.Millisecond)
	for _, ill := range all {
		ill.cure()
	}
	for _, ill := range all {
		ill.requireAll(t)
	}
	require.NoError(t, stopFirst())
	require.NoError(t, stopSecond())
}
