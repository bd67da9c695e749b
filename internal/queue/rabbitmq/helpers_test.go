package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

// publishers publish as fast as they can and note what was confirmed.
type publishers struct {
	cancel    context.CancelFunc
	group     sync.WaitGroup
	mu        sync.Mutex
	confirmed []string
	failed    int
}

func startPublishers(ctx context.Context, t *testing.T, q queue.Queue, n int) *publishers {
	ctx, cancel := context.WithCancel(ctx)
	p := &publishers{cancel: cancel}
	for i := range n {
		p.group.Go(func() {
			for ctx.Err() == nil {
				e := newEvent(t, fmt.Sprint(i))
				err := q.Publish(ctx, e)
				p.note(e.ID, err)
				if err != nil {
					// A broker that starts needs the processor more than this loop does.
					<-time.After(20 * time.Millisecond)
				}
			}
		})
	}
	t.Cleanup(p.stop)
	return p
}

func (p *publishers) note(id string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.confirmed = append(p.confirmed, id)
	} else {
		p.failed++
	}
}

func (p *publishers) stop() {
	p.cancel()
	p.group.Wait()
}

func (p *publishers) ids() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.confirmed
}

func (p *publishers) count() int { return len(p.ids()) }

func (p *publishers) failures() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

func (p *publishers) awaitConfirmed(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return p.count() >= n }, patience, 5*time.Millisecond)
}

// collected are the ids that a consumer got and acknowledged.
type collected struct {
	mu    sync.Mutex
	ids   map[string]bool
	ended sync.WaitGroup
}

func collect(ctx context.Context, t *testing.T, c queue.Consumer) *collected {
	seen := &collected{ids: map[string]bool{}}
	seen.ended.Go(func() {
		for {
			ds, err := c.Receive(ctx, 100)
			if err != nil {
				return
			}
			seen.mu.Lock()
			for _, d := range ds {
				seen.ids[d.Event.ID] = true
			}
			seen.mu.Unlock()
			if err := c.Ack(ctx, ds...); err != nil && !errors.Is(err, queue.ErrLost) {
				t.Errorf("acknowledging: %v", err)
			}
		}
	})
	return seen
}

func (c *collected) has(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ids[id]
}

func (c *collected) wait() { c.ended.Wait() }

func dialChannel(t testing.TB, address string) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	require.NoError(t, err)
	return ch
}

// declareOtherwise makes a queue with arguments that no version declares.
func declareOtherwise(t *testing.T, address, name string) {
	t.Helper()
	_, err := dialChannel(t, address).QueueDeclare(name, true, false, false, false, amqp.Table{"x-queue-type": "quorum", "x-delivery-limit": 7})
	require.NoError(t, err)
}
