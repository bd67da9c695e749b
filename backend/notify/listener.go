package notify

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/retry"
)

const (
	// pingEvery is how often a silent connection is pinged. One that stays silent for twice as
	// long is replaced.
	pingEvery = 2 * time.Second
	// reconnectAfter is the pause before another try to connect.
	reconnectAfter = 100 * time.Millisecond
	// connectTimeout bounds one try to connect.
	connectTimeout = 5 * time.Second
)

// listener receives from a channel of Redis, and keeps its subscription alive.
type listener struct {
	client  redis.UniversalClient
	channel string
	// receive gets each message, and, without a text, each time that Redis confirmed the subscription.
	receive func(text string, subscribed bool)
	// subscribed is signalled when Redis confirmed the subscription.
	subscribed retry.Wake
}

// run listens until the context ends.
func (l *listener) run(ctx context.Context) {
	for ok := true; ok; ok = retry.Sleep(ctx, reconnectAfter) {
		l.listen(ctx)
	}
}

// listen uses one subscription, which reconnects by itself, until Redis is silent.
func (l *listener) listen(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	connect, connected := context.WithTimeout(ctx, connectTimeout)
	sub := l.client.Subscribe(connect, l.channel)
	connected()
	started := time.Now()
	var receivedAt atomic.Int64 // Since started.
	var watcher sync.WaitGroup
	watcher.Go(func() {
		keepAlive(ctx, sub, func() time.Duration { return time.Since(started) - time.Duration(receivedAt.Load()) })
		cancel()
		_ = sub.Close()
	})
	defer watcher.Wait()
	defer cancel()
	for ctx.Err() == nil {
		m, err := sub.Receive(ctx)
		if err != nil {
			retry.Sleep(ctx, reconnectAfter)
			continue
		}
		receivedAt.Store(int64(time.Since(started)))
		switch m := m.(type) {
		case *redis.Subscription:
			l.receive("", true)
			l.subscribed.Signal()
		case *redis.Message:
			l.receive(m.Payload, false)
		}
	}
}

// keepAlive pings until the context ends or nothing was received for long: a connection may
// be dead without an error.
func keepAlive(ctx context.Context, sub *redis.PubSub, silence func() time.Duration) {
	for retry.Sleep(ctx, pingEvery) && silence() <= 2*pingEvery {
		ping, cancel := context.WithTimeout(ctx, pingEvery)
		_ = sub.Ping(ping) // Without an answer there is silence.
		cancel()
	}
}
