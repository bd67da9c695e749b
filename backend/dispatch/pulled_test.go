package dispatch_test

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/dispatch"
	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/queuetest"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/queue/sqlite"
	"github.com/botgate/botgate/internal/testsvc"
)

// TestPulledConformance has pollers be the consumers of the queue's suite: over HTTP, of several processes that have
// the events.
func TestPulledConformance(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "queue.db")
		queuetest.RunPulled(t, pulledHarness(func(ctx context.Context) (queue.Queue, error) {
			return sqlite.Open(ctx, sqlite.Config{Path: path})
		}))
	})
	t.Run("rabbitmq", func(t *testing.T) {
		t.Parallel()
		cfg := rabbitmq.Config{URL: testsvc.RabbitMQ(t), Prefix: "test-" + strings.ToLower(rand.Text())}
		queuetest.RunPulled(t, pulledHarness(func(ctx context.Context) (queue.Queue, error) {
			return rabbitmq.Open(ctx, cfg)
		}))
	})
}

func pulledHarness(open func(context.Context) (queue.Queue, error)) func(*testing.T) queuetest.Harness {
	return func(*testing.T) queuetest.Harness {
		all := &processes{ledgers: map[string]pull.Owner{}}
		return queuetest.Harness{Open: func(t *testing.T) queue.Queue {
			base, err := open(t.Context())
			require.NoError(t, err)
			q := startProcess(t, base, all)
			t.Cleanup(func() { require.NoError(t, q.Close()) })
			return q
		}}
	}
}

// processes are those that have a ledger.
type processes struct {
	mu      sync.Mutex
	ledgers map[string]pull.Owner
}

// All implements [pull.Owners].
func (p *processes) All() map[string]pull.Owner {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.ledgers)
}

func (p *processes) set(l *pull.Ledger, isThere bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if delete(p.ledgers, l.Process()); isThere {
		p.ledgers[l.Process()] = l
	}
}

// process is a queue whose consumers of Dispatch are pollers.
type process struct {
	queue.Queue
	server *httptest.Server
	stop   func() error

	d *dispatch.Dispatcher

	mu        sync.Mutex
	bots      queue.Bots
	consumers []*pulledConsumer
}

// discarding takes what is told of events, which is not what the suite is about.
type discarding struct{ queue.Queue }

func (discarding) Publish(context.Context, ...*event.Event) error { return nil }

func startProcess(t *testing.T, base queue.Queue, all *processes) *process {
	t.Helper()
	ledger := pull.NewLedger()
	d, err := dispatch.New(dispatch.Config{Queue: discarding{base}, Ledger: ledger})
	require.NoError(t, err)
	a, err := api.New(api.Config{Pull: pull.NewRouter(all)})
	require.NoError(t, err)
	p := &process{Queue: base, server: httptest.NewServer(a), bots: queue.Bots{}, d: d}
	all.set(ledger, true)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	p.stop = sync.OnceValue(func() error {
		p.closeConsumers()
		cancel()
		err := <-ran
		all.set(ledger, false)
		a.Close()
		p.server.Close()
		return errors.Join(err, base.Close())
	})
	return p
}

// Close implements [queue.Queue].
func (p *process) Close() error { return p.stop() }

// DeclareBots implements [queue.Queue]: the bots pull.
func (p *process) DeclareBots(ctx context.Context, declared queue.Bots) error {
	if err := p.Queue.DeclareBots(ctx, declared); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.Copy(p.bots, declared)
	set := bots.Set{}
	for name := range p.bots {
		set[name] = bots.Bot{Name: name, Pull: true}
	}
	return p.d.SetBots(set)
}

// Subscribe implements [queue.Queue].
func (p *process) Subscribe(ctx context.Context, group queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error) {
	if group != queue.Dispatch {
		return p.Queue.Subscribe(ctx, group, opts)
	}
	c := &pulledConsumer{base: p.server.URL + "/v1/bots/", held: map[*queue.Delivery]string{}, changed: make(chan struct{})}
	for bot := range opts.Bots {
		c.bots = append(c.bots, bot)
	}
	c.life, c.end = context.WithCancel(context.Background())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.consumers = append(p.consumers, c)
	return c, nil
}

func (p *process) closeConsumers() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.consumers {
		_ = c.Close() // It has no errors.
	}
}
