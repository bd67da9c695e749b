package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

// closeTimeout bounds the closing handshake with the broker.
const closeTimeout = 2 * time.Second

// publishChannels is how many channels publishers share: enough for both ends to work
// side by side, and few, because the broker confirms many messages of one channel at once.
const publishChannels = 2

// publishConnection is the name of the connection that has them.
const publishConnection = "publish"

var (
	errBrokerClosed = errors.New("connection closed")
	errStalled      = errors.New("the broker confirms nothing any more on an open connection")
)

// connection is one AMQP connection from its handshake to its end. What began on it ends with
// it: the library's own recovery, which would carry publishes over to the next connection,
// miscounts confirms and stays off.
type connection struct {
	amqp     *amqp.Connection
	channels []atomic.Pointer[confirmChannel] // None in a connection that only consumes.
	turn     atomic.Uint32
	// answering is for answers of bots, which replies knows of; both are nil in a connection that only consumes.
	answering *amqp.Channel
	replies   *replies
	// blocked is why the broker takes no messages; nil while it does.
	blocked atomic.Pointer[string]
	// life ends with the first call of fail, whose error is the cause.
	life   context.Context
	fail   context.CancelCauseFunc
	watch  sync.WaitGroup
	config Config
	// refusedSize is the size of the smallest body that the broker refused; 0 where it refused none.
	refusedSize atomic.Int64
	// alone has an element for each message that is published on a channel of its own.
	alone chan struct{}
	// bots has those whose queues were declared on it, with their number.
	bots sync.Map
	// restoresHistory is whether it binds a history again that did not work before.
	restoresHistory bool

	mu    sync.Mutex
	ended bool
}

// newConnection watches a fresh connection. The caller runs or closes it.
func newConnection(raw *amqp.Connection, config Config) *connection {
	conn := &connection{amqp: raw, config: config, alone: make(chan struct{}, maxAlone)}
	conn.life, conn.fail = context.WithCancelCause(context.Background())
	conn.watchClose(raw.NotifyClose(make(chan *amqp.Error, 1)))
	blocks := raw.NotifyBlocked(make(chan amqp.Blocking, 8))
	conn.watch.Go(func() {
		for b := range blocks {
			if b.Active {
				conn.blocked.Store(&b.Reason)
			} else {
				conn.blocked.Store(nil)
			}
		}
	})
	return conn
}

// openPublishChannels opens the channels that publishers share.
func (conn *connection) openPublishChannels() error {
	if err := conn.openReplies(); err != nil {
		return err
	}
	conn.channels = make([]atomic.Pointer[confirmChannel], publishChannels)
	for n := range conn.channels {
		c, err := conn.openChannel()
		if err != nil {
			return err
		}
		conn.channels[n].Store(c)
	}
	return nil
}

func (conn *connection) openChannel() (*confirmChannel, error) {
	ch, err := conn.amqp.Channel()
	if err != nil {
		return nil, fmt.Errorf("opening a channel: %w", err)
	}
	if err := ch.Confirm(false); err != nil {
		return nil, fmt.Errorf("asking for confirms: %w", err)
	}
	c := newConfirmChannel(ch, conn.config.inFlightLimit())
	conn.watch.Go(func() { c.watchLate(conn) })
	conn.watchChannel(c)
	if err := conn.consumeReplies(ch); err != nil {
		return nil, err
	}
	return c, nil
}

// watchClose fails the connection when it closes.
func (conn *connection) watchClose(closes <-chan *amqp.Error) {
	conn.watch.Go(func() {
		for cause := range closes {
			conn.fail(cause)
		}
		conn.fail(errBrokerClosed)
	})
}

// takesMessages is nil unless the broker blocks publishers, which it does when it is short of
// memory or disk.
func (conn *connection) takesMessages() error {
	if reason := conn.blocked.Load(); reason != nil {
		return fmt.Errorf("%w: the broker takes no messages: %s", queue.ErrUnavailable, *reason)
	}
	return nil
}

// run waits for the end of the connection and cleans up.
func (conn *connection) run(ctx context.Context) error {
	defer conn.close()
	select {
	case <-conn.life.Done():
		return context.Cause(conn.life)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close ends the connection, which ends everything that waits for it.
func (conn *connection) close() {
	// The only error is that it is closed already.
	_ = conn.amqp.CloseDeadline(time.Now().Add(closeTimeout))
	conn.mu.Lock()
	conn.ended = true
	conn.mu.Unlock()
	conn.watch.Wait()
}

// nextChannel picks the channels in turn, but for those that are closed and not replaced yet.
func (conn *connection) nextChannel() (c *confirmChannel) {
	for range conn.channels {
		c = conn.channels[conn.turn.Add(1)%uint32(len(conn.channels))].Load()
		if !c.IsClosed() {
			break
		}
	}
	return c
}
