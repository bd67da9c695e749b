// Package rabbitmq is the queue on RabbitMQ 3.10 or later: quorum queues, confirmed
// publishing and consumers that outlast lost connections.
package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

// closeWait bounds how long Close waits for publishes under way.
const closeWait = 5 * time.Second

// Queue is a handle on the queue. It publishes on one connection and, from the first
// subscription or question on, consumes and asks on another, since the broker's flow control slows
// down everything on a connection that publishes.
//
// Repeats are dropped within the limits of [Config]: a handle that published or consumed
// an event remembers its id for a while. What two processes publish and two others
// consume is delivered twice; the event log and the bots recognise it by the id.
type Queue struct {
	config   Config
	dialer   *dialer
	topology topology

	publishing *reconnector
	consuming  *reconnector
	inFlight   *room
	confirmed  *seenIDs
	replies    replies
	// done holds what was acknowledged here. Dead letters have none: there, the same
	// event may be twice.
	done map[queue.Group]*seenIDs

	ctx    context.Context // Ends when Close begins.
	cancel context.CancelFunc
	// connCtx ends when Close has waited for the publishers.
	connCtx    context.Context
	cancelConn context.CancelFunc

	mu          sync.Mutex
	consumers   map[*consumer]struct{}
	parkingLots map[string]bool // In use here, and whether they are declared.
	connections sync.WaitGroup
	// historyDown is whether the history did not work when it was last tried, or is off.
	historyDown atomic.Bool
	consume     sync.Once
	closing     sync.Once
}

var _ queue.Queue = (*Queue)(nil)

// Open checks the configuration and connects in the background; the context bounds
// nothing beyond the call. A broker that is down is no error here, see [Queue.Ready].
func Open(_ context.Context, config Config) (*Queue, error) {
	config = config.withDefaults()
	dialer, err := newDialer(config)
	if err != nil {
		return nil, err
	}
	q := &Queue{
		config:    config,
		dialer:    dialer,
		topology:  newTopology(config.Prefix, dialer.parameters.queues == sharedMode),
		inFlight:  newRoom(int64(config.inFlightLimit())),
		confirmed: newSeenIDs(config.RepeatSize, config.RepeatWindow),
		done: map[queue.Group]*seenIDs{
			queue.Record:   newSeenIDs(config.RepeatSize, config.RepeatWindow),
			queue.Dispatch: newSeenIDs(config.RepeatSize, config.RepeatWindow),
		},
		consumers:   map[*consumer]struct{}{},
		parkingLots: map[string]bool{},
	}
	// Its own lifetime, from here to Close.
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.connCtx, q.cancelConn = context.WithCancel(context.Background())
	q.publishing = newReconnector(publishConnection, config.Logger, q.openConnection)
	q.consuming = newReconnector("consume", config.Logger, q.openConnection)
	q.connections.Go(func() { q.publishing.run(q.connCtx) })
	if !config.History.Off() {
		q.connections.Go(func() { q.restoreHistory(q.connCtx) })
	}
	return q, nil
}

// openConnection connects and declares the topology, which may be lost with the node that had it.
func (q *Queue) openConnection(ctx context.Context, name string) (*connection, error) {
	raw, err := q.dialer.dial(ctx, name)
	if err != nil {
		return nil, err
	}
	conn := newConnection(raw, q.config)
	conn.restoresHistory = name == historyConnection
	var bots []string
	if name == publishConnection {
		bots = q.declaredBots() // Consumers declare what they consume.
	}
	err = q.declareInTurn(ctx, conn, bots...)
	if err == nil && name == publishConnection {
		conn.replies = &q.replies
		err = conn.openPublishChannels()
	}
	if err != nil {
		conn.close()
		return nil, explain(err)
	}
	return conn, nil
}

// withChannel runs f with a new channel.
func (conn *connection) withChannel(f func(*amqp.Channel) error) error {
	ch, err := conn.amqp.Channel()
	if err != nil {
		return fmt.Errorf("opening a channel: %w", err)
	}
	// After an error the broker has closed it already.
	defer func() { _ = ch.Close() }()
	return f(ch)
}

// Subscribe implements [queue.Queue]. The queues of a bot share its Prefetch, and each has at least 1.
func (q *Queue) Subscribe(ctx context.Context, group queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error) {
	if err := q.usable(ctx); err != nil {
		return nil, err
	}
	queues, err := q.consumed(group, opts.Bots)
	if err != nil {
		return nil, fmt.Errorf("subscribing: %w", err)
	}
	c := newConsumer(q, group, opts, queues)
	q.mu.Lock()
	if q.ctx.Err() != nil {
		q.mu.Unlock()
		return nil, queue.ErrClosed
	}
	q.consumers[c] = struct{}{}
	if _, known := q.parkingLots[c.parkingLot]; c.parkingLot != "" && !known {
		q.parkingLots[c.parkingLot] = false
	}
	q.startConsuming()
	c.start()
	q.mu.Unlock()
	if err := c.awaitStart(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// consumed lists the queues of a group.
func (q *Queue) consumed(group queue.Group, bots queue.Bots) ([]declaration, error) {
	names := slices.Collect(maps.Keys(bots))
	if group == queue.Dispatch {
		q.topology.learn(bots)
		if len(names) == 0 {
			names = q.declaredBots()
		}
	}
	queues := q.topology.queues(group, names...)
	switch {
	case queues == nil:
		return nil, fmt.Errorf("there is no group %q", group)
	case len(queues) > maxSubscriptions:
		return nil, fmt.Errorf("the bots have %d queues, and one process consumes at most %d: let bots share queues, "+
			"with %s=%s in the address of the queue", len(queues), maxSubscriptions, "queues", sharedMode)
	}
	return queues, nil
}

// consumingConnection is the connection that consumes, also where nothing is consumed.
func (q *Queue) consumingConnection(ctx context.Context) (*connection, error) {
	q.mu.Lock()
	err := q.usable(ctx)
	if err == nil {
		q.startConsuming()
	}
	q.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return q.consuming.connection(ctx)
}

// startConsuming starts the connection that consumes, once. The lock is held.
func (q *Queue) startConsuming() {
	q.consume.Do(func() { q.connections.Go(func() { q.consuming.run(q.connCtx) }) })
}

// Ready implements [queue.Queue]: connected, declared and not blocked.
func (q *Queue) Ready(ctx context.Context) error {
	if err := q.usable(ctx); err != nil {
		return err
	}
	conn, err := q.publishing.connection(ctx)
	if err != nil {
		return err
	}
	return conn.takesMessages()
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
		confirmed := q.awaitConfirms()
		q.cancelConn()
		q.connections.Wait()
		if !confirmed {
			// Without a connection, every publish has its answer.
			q.awaitConfirms()
		}
	})
	return nil
}

// awaitConfirms waits until no publish is in flight: only then all of the limit is free.
func (q *Queue) awaitConfirms() bool {
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	all := int64(q.config.inFlightLimit())
	if err := q.inFlight.acquire(ctx, all); err != nil {
		return false
	}
	q.inFlight.release(all)
	return true
}
