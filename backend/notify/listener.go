package notify

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// askEvery is how often a silent Redis is asked whether it is there. One that does not
	// answer for twice as long is left for a new connection.
	askEvery = 2 * time.Second
	// retryEvery is the pause before another try to connect.
	retryEvery = 100 * time.Millisecond
	// connectTimeout bounds one try to connect.
	connectTimeout = 5 * time.Second
)

// listener hears what comes through a channel of Redis, and keeps its subscription alive.
type listener struct {
	client  redis.UniversalClient
	channel string
	// hear is told each message, and each time that the subscription stands.
	hear func(text string, subscribed bool)
	// subscribed gets a value when the subscription stands for the first time.
	subscribed chan struct{}
}

// run listens until the context ends.
func (l *listener) run(ctx context.Context) {
	for ctx.Err() == nil {
		l.listen(ctx)
		pause(ctx)
	}
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(retryEvery):
	}
}

// listen uses one subscription, which connects again by itself, until Redis is silent.
func (l *listener) listen(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	connect, connected := context.WithTimeout(ctx, connectTimeout)
	sub := l.client.Subscribe(connect, l.channel)
	connected()
	started := time.Now()
	var heard atomic.Int64 // When, since started.
	var watcher sync.WaitGroup
	watcher.Go(func() {
		watch(ctx, sub, func() time.Duration { return time.Since(started) - time.Duration(heard.Load()) })
		cancel()
		_ = sub.Close()
	})
	defer watcher.Wait()
	defer cancel()
	for ctx.Err() == nil {
		m, err := sub.Receive(ctx)
		if err != nil {
			pause(ctx)
			continue
		}
		heard.Store(int64(time.Since(started)))
		switch m := m.(type) {
		case *redis.Subscription:
			l.hear("", true)
			l.report()
		case *redis.Message:
			l.hear(m.Payload, false)
		}
	}
}

func (l *listener) report() {
	select {
	case l.subscribed <- struct{}{}:
	default:
	}
}

// watch returns when the context ends or nothing is heard for long: a connection may be
// dead without anybody saying so.
func watch(ctx context.Context, sub *redis.PubSub, silence func() time.Duration) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if silence() > 2*askEvery {
			return
		}
		ask, asked := context.WithTimeout(ctx, askEvery)
		_ = sub.Ping(ask) // Without an answer, silence says it.
		asked()
	}
}
