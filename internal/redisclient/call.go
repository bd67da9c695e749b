package redisclient

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Call is one or more commands that share a round trip. It is for one [Pipe.Send] and one [Call.Wait].
type Call struct {
	cmds []redis.Cmder
	// name is that of the first command, and count how many there are: once sent, the commands are the pipe's.
	name           string
	count          int
	sent, deadline time.Time
	// then gets the outcome where nobody waits for it.
	then func(error)
	// done says that err is set.
	done  chan struct{}
	err   error
	timer *time.Timer
}

// calls are those that nobody has any more.
var calls = sync.Pool{New: func() any {
	c := &Call{done: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	c.timer.Stop()
	return c
}}

// NewCall makes a call that is worth nothing after the budget.
func NewCall(budget time.Duration, cmds ...redis.Cmder) *Call {
	c := calls.Get().(*Call)
	c.cmds, c.name, c.count = append(c.cmds[:0], cmds...), cmds[0].Name(), len(cmds)
	c.sent = time.Now()
	c.deadline = c.sent.Add(budget)
	return c
}

// Wait waits for a call that was sent, as [Pipe.Do] does. Where the context's span is recorded, the call is one below
// it.
func (c *Call) Wait(ctx context.Context) error { return traced(ctx, c.name, c.count, c.sent, c.wait) }

func (c *Call) wait(ctx context.Context) error {
	c.timer.Reset(time.Until(c.deadline))
	defer c.timer.Stop()
	select {
	case <-c.done:
		err := c.err
		c.release()
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-c.timer.C:
		return context.DeadlineExceeded
	}
}

// end says what became of the call.
func (c *Call) end(err error) {
	if then := c.then; then != nil {
		c.release()
		then(err)
		return
	}
	c.err = err
	c.done <- struct{}{}
}

// release leaves the call to others. One that nobody waited for till its end is left to the collector.
func (c *Call) release() {
	c.timer.Stop()
	clear(c.cmds)
	c.then, c.err = nil, nil
	calls.Put(c)
}

// failure is the first error of the commands.
func (c *Call) failure() error {
	for _, cmd := range c.cmds {
		if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}

// stillWaiting drops the calls that nobody waits for any more: what they ask was decided without Redis, and must
// not count twice. Last is when the last one ends.
func stillWaiting(batch []*Call) (waiting []*Call, last time.Time) {
	now := time.Now()
	waiting = batch[:0]
	for _, c := range batch {
		if !now.Before(c.deadline) {
			c.end(context.DeadlineExceeded)
			continue
		}
		waiting = append(waiting, c)
		if c.deadline.After(last) {
			last = c.deadline
		}
	}
	return waiting, last
}
