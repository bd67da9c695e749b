package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// closeTimeout bounds how long the broker may take to say goodbye.
const closeTimeout = 2 * time.Second

// publishChannels is how many channels publishers share: enough for both ends to work
// side by side, and few, because the broker confirms many messages of one channel at once.
const publishChannels = 4

var (
	errBrokerClosed = errors.New("connection closed")
	errStalled      = errors.New("the broker confirms nothing any more on an open connection")
)

// session is one connection from its handshake to its end. What was begun in a session
// ends with it: the library's own recovery, which would carry publishes over from one
// connection to the next, miscounts confirms and stays off.
type session struct {
	conn     *amqp.Connection
	channels []atomic.Pointer[confirmChannel] // None in a session that only consumes.
	turn     atomic.Uint32
	// blocked is why the broker takes no messages; nil while it does.
	blocked atomic.Pointer[string]
	failed  chan error
	watch   sync.WaitGroup
	config  Config
	// mends is whether the session tries a history that did not work.
	mends bool

	mu    sync.Mutex
	ended bool
}

// newSession watches a fresh connection. The caller runs or closes it.
func newSession(conn *amqp.Connection) *session {
	s := &session{conn: conn, failed: make(chan error, 1)}
	s.watchClose(conn.NotifyClose(make(chan *amqp.Error, 1)), new(atomic.Bool))
	blocks := conn.NotifyBlocked(make(chan amqp.Blocking, 8))
	s.watch.Go(func() {
		for b := range blocks {
			if b.Active {
				s.blocked.Store(&b.Reason)
			} else {
				s.blocked.Store(nil)
			}
		}
	})
	return s
}

// openPublishing adds the channels that publishers need.
func (s *session) openPublishing(config Config) error {
	s.config = config
	s.channels = make([]atomic.Pointer[confirmChannel], publishChannels)
	for n := range s.channels {
		c, err := s.openChannel()
		if err != nil {
			return err
		}
		s.channels[n].Store(c)
	}
	return nil
}

func (s *session) openChannel() (*confirmChannel, error) {
	ch, err := s.conn.Channel()
	if err != nil {
		return nil, fmt.Errorf("opening a channel: %w", err)
	}
	if err := ch.Confirm(false); err != nil {
		return nil, fmt.Errorf("asking for confirms: %w", err)
	}
	c := newConfirmChannel(ch, s.config.flight())
	s.watchClose(ch.NotifyClose(make(chan *amqp.Error, 1)), &c.retired)
	return c, nil
}

// watchClose ends the session with the connection, or with one of its channels unless it
// was meant to close.
func (s *session) watchClose(closes <-chan *amqp.Error, meant *atomic.Bool) {
	s.watch.Go(func() {
		for cause := range closes {
			s.fail(cause)
		}
		if !meant.Load() {
			s.fail(errBrokerClosed)
		}
	})
}

// fail asks run to end; the first reason counts.
func (s *session) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// run waits for the session's end and cleans up.
func (s *session) run(ctx context.Context) error {
	defer s.close()
	select {
	case err := <-s.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close ends the connection, which ends everything that waits for it.
func (s *session) close() {
	// One that is closed already says so, and that is all there is to say.
	_ = s.conn.CloseDeadline(time.Now().Add(closeTimeout))
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.watch.Wait()
}

// land waits for the confirm of a message that its publisher has given up. The end of the
// connection is an answer, too, so after it there is nothing to wait for.
func (s *session) land(o outgoing) {
	wait := func() {
		s.awaitLate(o)
		_ = o.outcome()
	}
	s.mu.Lock()
	if !s.ended {
		defer s.mu.Unlock()
		s.watch.Go(wait)
		return
	}
	// What comes of the message can take the lock.
	s.mu.Unlock()
	wait()
}

// awaitLate waits for a late confirm. A channel that confirms nothing at all for so long,
// although the broker neither blocks nor fails, ends the session: RabbitMQ's channel
// processes can hang for ever after a crash of the node, with the connection as alive as
// ever, and new ones work.
func (s *session) awaitLate(o outgoing) {
	tick := time.NewTicker(s.config.StallAfter)
	defer tick.Stop()
	for before := o.channel.answers.Load(); ; {
		select {
		case <-o.confirm.Done():
			return
		case <-tick.C:
		}
		now := o.channel.answers.Load()
		if now == before && s.blocked.Load() == nil {
			s.fail(errStalled)
		}
		before = now
	}
}

// channel deals the channels out in turn.
func (s *session) channel() *confirmChannel {
	return s.channels[s.turn.Add(1)%uint32(len(s.channels))].Load()
}
