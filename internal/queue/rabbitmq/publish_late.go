package rabbitmq

import (
	"slices"
	"sync"
	"time"
)

// lateLooks is how often, within StallAfter, late confirms are looked for.
const lateLooks = 20

// lateConfirms are the messages of a channel whose publishers have stopped waiting. One goroutine waits
// for what becomes of all of them.
type lateConfirms struct {
	mu       sync.Mutex
	messages []lateMessage // In the order in which they became late.
	over     bool          // The channel has ended, and so has the goroutine.
	added    chan struct{} // There is one.
}

type lateMessage struct {
	outgoing
	since time.Time
}

func newLateConfirms() *lateConfirms { return &lateConfirms{added: make(chan struct{}, 1)} }

// add adds a message, unless the channel has ended.
func (l *lateConfirms) add(o *outgoing) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	l.messages = append(l.messages, lateMessage{*o, time.Now()})
	select {
	case l.added <- struct{}{}:
	default:
	}
	return true
}

// end returns what is left at the end of the channel.
func (l *lateConfirms) end() []lateMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	return l.messages
}

// takeAnswered takes out the messages that have an answer. The others have been late since the returned
// time; it is zero where there are none.
func (l *lateConfirms) takeAnswered() (answered []lateMessage, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages = slices.DeleteFunc(l.messages, func(m lateMessage) bool {
		if m.answered() {
			answered = append(answered, m)
			return true
		}
		return false
	})
	if len(l.messages) > 0 {
		since = l.messages[0].since
	}
	return answered, since
}

// awaitLate sees to a message whose publisher does not wait for it. The end of the channel is an
// answer, too.
func (c *confirmChannel) awaitLate(o *outgoing) {
	if !c.late.add(o) {
		<-o.confirm.Done() // The library has settled what was in flight, or is about to.
		_ = o.outcome()
	}
}

// watchLate sees to late messages until the channel ends.
func (c *confirmChannel) watchLate(conn *connection) {
	for {
		select {
		case <-c.late.added:
			c.settleLate(conn)
		case <-c.ended:
			for _, m := range c.late.end() {
				<-m.confirm.Done()
				_ = m.outcome()
			}
			return
		}
	}
}

// settleLate waits until no message is late any more, or the channel has ended. A channel that confirms
// nothing at all for StallAfter, although the broker does not block publishers, fails the connection:
// after a crash of the node, RabbitMQ's channel processes can hang for ever on a healthy connection,
// while new ones work. One that confirms others is replaced, since a queue that confirms nothing would
// fill it, and the in-flight limit of all.
func (c *confirmChannel) settleLate(conn *connection) {
	tick := time.NewTicker(max(conn.config.StallAfter/lateLooks, time.Millisecond))
	defer tick.Stop()
	confirms, changed := c.confirms.Load(), time.Now()
	for {
		answered, since := c.late.takeAnswered()
		for n := range answered {
			_ = answered[n].outcome()
		}
		if since.IsZero() {
			return
		}
		if now := c.confirms.Load(); now != confirms || conn.blocked.Load() != nil {
			confirms, changed = now, time.Now()
		}
		switch {
		case conn.blocked.Load() != nil || time.Since(since) < conn.config.StallAfter:
		case time.Since(changed) >= conn.config.StallAfter:
			conn.fail(errStalled)
		default:
			conn.replaceChannel(c)
		}
		select {
		case <-tick.C:
		case <-c.ended:
			return
		}
	}
}
