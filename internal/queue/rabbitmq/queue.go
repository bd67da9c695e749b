// Package rabbitmq is the queue on RabbitMQ 3.10 or later: quorum queues, confirmed
// publishing and consumers that outlast lost connections.
package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/semaphore"

	"github.com/botgate/botgate/internal/queue"
)

// closeWait bounds how long Close waits for publishes under way.
const closeWait = 5 * time.Second

// Queue is a handle on the queue. It uses one connection to publish and, once somebody
// subscribes, another to consume: a broker that slows publishers down slows down all
// that happens on their connection.
//
// Repeats are dropped within the limits of [Config]: a handle that published or consumed
// an event remembers its id for a while. What two processes publish and two others
// consume comes twice; the event log and the bots tell by the id.
type Queue struct {
	config   Config
	dialer   *dialer
	topology topology

	publishing *link
	consuming  *link
	inFlight   *semaphore.Weighted
	confirmed  *recent
	// done holds what was acknowledged here. Dead letters have none: there, the same
	// event may have died twice.
	done map[queue.Group]*recent

	ctx    context.Context // Ends when Close begins.
	cancel context.CancelFunc
	// linkCtx ends when Close has waited for the publishers.
	linkCtx    context.Context
	cancelLink context.CancelFunc

	// browsing has an element while somebody here looks through the dead letters.
	browsing chan struct{}

	mu        sync.Mutex
	consumers map[*consumer]struct{}
	lanes     map[string]bool // In use here, and whether they are declared.
	links     sync.WaitGroup
	// historyDown is whether the history did not work when it was last tried.
	historyDown atomic.Bool
	consume     sync.Once
	closing     sync.Once
}

var _ queue.Queue = (*Queue)(nil)

// Open checks the configuration and connects in the background; the context bounds
// nothing beyond the call. A broker that is away is no error here, see [Queue.Ready].
func Open(_ context.Context, config Config) (*Queue, error) {
	config, endpoints, err := config.withDefaults().resolve()
	if err != nil {
		return nil, err
	}
	dialer, err := newDialer(config, endpoints)
	if err != nil {
		return nil, err
	}
	q := &Queue{
		config:    config,
		dialer:    dialer,
		topology:  topology{config.Prefix},
		inFlight:  semaphore.NewWeighted(int64(config.flight())),
		confirmed: newRecent(config.RepeatSize, config.RepeatWindow),
		done: map[queue.Group]*recent{
			queue.Record:   newRecent(config.RepeatSize, config.RepeatWindow),
			queue.Dispatch: newRecent(config.RepeatSize, config.RepeatWindow),
		},
		browsing:  make(chan struct{}, 1),
		consumers: map[*consumer]struct{}{},
		lanes:     map[string]bool{},
	}
	// Its own lifetime, from here to Close.
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.linkCtx, q.cancelLink = context.WithCancel(context.Background())
	q.publishing = newLink("publish", config.Logger, q.openPublishing)
	q.consuming = newLink("consume", config.Logger, q.openConsuming)
	q.links.Go(func() { q.publishing.run(q.linkCtx) })
	if !config.History.Off() {
		q.links.Go(func() { q.keepHistory(q.linkCtx) })
	}
	return q, nil
}

func (q *Queue) openPublishing(ctx context.Context) (*session, error) {
	return q.openSession(ctx, q.publishing.name, func(s *session) error { return s.openPublishing(q.config) })
}

func (q *Queue) openConsuming(ctx context.Context) (*session, error) {
	return q.openSession(ctx, q.consuming.name, func(*session) error { return nil })
}

// openSession connects, declares the topology and prepares the session. The topology
// may have gone with the node that had it, so each session makes sure of it.
func (q *Queue) openSession(ctx context.Context, name string, prepare func(*session) error) (*session, error) {
	conn, err := q.dialer.dial(ctx, name)
	if err != nil {
		return nil, err
	}
	s := newSession(conn)
	s.mends = name == historyConnection
	err = q.declareAll(s)
	if err == nil {
		err = prepare(s)
	}
	if err != nil {
		s.close()
		return nil, explain(err)
	}
	return s, nil
}

// withChannel runs f with a channel of its own.
func (s *session) withChannel(f func(*amqp.Channel) error) error {
	ch, err := s.conn.Channel()
	if err != nil {
		return fmt.Errorf("opening a channel: %w", err)
	}
	// After an error the broker has closed it; after success nothing depends on it.
	defer func() { _ = ch.Close() }()
	return f(ch)
}

// Subscribe implements [queue.Queue]. In Dispatch the partitions share Prefetch: each
// of the 16 gets its part of it, and at least 1.
func (q *Queue) Subscribe(ctx context.Context, group queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error) {
	if err := q.usable(ctx); err != nil {
		return nil, err
	}
	names := q.topology.queues(group)
	if names == nil {
		return nil, fmt.Errorf("subscribing: there is no group %q", group)
	}
	c := newConsumer(q, group, opts, len(names))
	q.mu.Lock()
	if q.ctx.Err() != nil {
		q.mu.Unlock()
		return nil, queue.ErrClosed
	}
	q.consumers[c] = struct{}{}
	if _, known := q.lanes[c.lane]; c.lane != "" && !known {
		q.lanes[c.lane] = false
	}
	q.startConsuming()
	c.start(names)
	q.mu.Unlock()
	if err := c.awaitStart(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// startConsuming begins to keep the connection to consume up. The lock is held.
func (q *Queue) startConsuming() {
	q.consume.Do(func() { q.links.Go(func() { q.consuming.run(q.linkCtx) }) })
}

// Ready implements [queue.Queue]: connected, declared and not blocked.
func (q *Queue) Ready(ctx context.Context) error {
	if err := q.usable(ctx); err != nil {
		return err
	}
	s, err := q.publishing.session(ctx)
	if err != nil {
		return err
	}
	if reason := s.blocked.Load(); reason != nil {
		return fmt.Errorf("%w: the broker takes no messages: %s", queue.ErrUnavailable, *reason)
	}
	return nil
}

// Close implements [queue.Queue]. It waits at most a few seconds for publishes.
func (q *Queue) Close() error {
	q.closing.Do(func() {
		q.mu.Lock()
		q.cancel()
		consumers := q.consumers
		q.consumers = map[*consumer]struct{}{}
		q.mu.Unlock()
		var group sync.WaitGroup
		for c := range consumers {
			group.Go(func() { _ = c.Close() })
		}
		group.Wait()
		// Whoever holds all of the flight is alone in the air.
		landed := q.awaitLanding()
		q.cancelLink()
		q.links.Wait()
		if !landed {
			// Without a connection, all that were waiting have their answer.
			q.awaitLanding()
		}
	})
	return nil
}

// awaitLanding waits until no publish is under way.
func (q *Queue) awaitLanding() bool {
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	all := int64(q.config.flight())
	if err := q.inFlight.Acquire(ctx, all); err != nil {
		return false
	}
	q.inFlight.Release(all)
	return true
}
