package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

// fleet are processes that consume the queues of bots, and a load on these.
type fleet struct {
	t       *testing.T
	config  rabbitmq.Config
	address string
	bots    queue.Bots
	load    *rabbitmq.Queue
	halt    context.CancelFunc
	sending sync.WaitGroup

	mu        sync.Mutex
	processes []*process
	published int
	next      map[string]int // By bot and key: what comes next.
	repeated  []string
	last      map[string]sign // By bot.
	longest   time.Duration
}

// sign is where and when something was delivered.
type sign struct {
	by *process
	at time.Time
}

func newFleet(t *testing.T) *fleet {
	address := testsvc.RabbitMQ(t)
	f := &fleet{
		t: t, address: address, bots: queue.Bots{"busy": 4}, next: map[string]int{}, last: map[string]sign{},
		config: rabbitmq.Config{URL: address, Prefix: newPrefix(t, address), Sharing: quick},
	}
	for n := range sharedBots {
		f.bots[fmt.Sprint("bot-", n)] = 1
	}
	f.load = openReady(t, f.config)
	require.NoError(t, f.load.DeclareBots(t.Context(), f.bots))
	ctx, halt := context.WithCancel(t.Context())
	f.halt = halt
	f.sending.Go(func() { f.send(ctx) })
	t.Cleanup(f.sending.Wait)
	t.Cleanup(halt)
	return f
}

// send publishes numbered events for all bots until ctx ends.
func (f *fleet) send(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		var batch []*event.Event
		for bot := range f.bots {
			for _, key := range []string{"a", "b"} {
				e := newEvent(f.t, key)
				e.Bot, e.Data = bot, fmt.Append(nil, n)
				batch = append(batch, e)
			}
		}
		if !errors.Is(f.load.Publish(context.WithoutCancel(ctx), batch...), nil) {
			f.t.Error("the load failed")
			return
		}
		f.mu.Lock()
		f.published += len(batch)
		f.mu.Unlock()
	}
}

// process is one of them. It can be killed.
type process struct {
	fleet    *fleet
	queue    *rabbitmq.Queue
	consumer queue.Consumer
	listener net.Listener
	proxy    *testsvc.Proxy
	cancel   context.CancelFunc
	working  sync.WaitGroup
}

func (f *fleet) begin() {
	listener, err := new(net.ListenConfig).Listen(f.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(f.t, err)
	p := &process{fleet: f, listener: listener, proxy: testsvc.StartProxyOn(f.t, f.address, listener)}
	config := f.config
	config.URL = p.proxy.URL
	p.queue = open(f.t, config)
	p.consumer, err = p.queue.Subscribe(f.t.Context(), queue.Dispatch, queue.SubscribeOptions{Bots: f.bots})
	require.NoError(f.t, err)
	ctx, cancel := context.WithCancel(f.t.Context())
	p.cancel = cancel
	p.working.Go(func() { p.work(ctx) })
	f.t.Cleanup(p.working.Wait)
	f.t.Cleanup(cancel)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.processes = append(f.processes, p)
}

func (p *process) work(ctx context.Context) {
	for {
		ds, err := p.consumer.Receive(ctx, 100)
		if err != nil {
			return
		}
		for _, d := range ds {
			if d.IsRecalled() {
				_ = p.consumer.Postpone(ctx, d, 0)
				continue
			}
			p.fleet.note(p, d.Event)
			_ = p.consumer.Ack(ctx, d)
		}
	}
}

// note checks the order.
func (f *fleet) note(by *process, e *event.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, key, n := time.Now(), e.Bot+"/"+e.OrderKey, 0
	_, _ = fmt.Sscan(string(e.Data), &n)
	switch expected := f.next[key]; {
	case n < expected:
		f.repeated = append(f.repeated, fmt.Sprint(key, "/", n))
	case n > expected:
		f.t.Errorf("%s: %d came before %d", key, n, expected)
	default:
		f.next[key]++
	}
	if before := f.last[e.Bot]; before.by != nil && before.by != by && f.bots[e.Bot] == 1 {
		f.longest = max(f.longest, now.Sub(before.at))
	}
	f.last[e.Bot] = sign{by, now}
}

func (f *fleet) repeats() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.repeated
}

func (f *fleet) forget(p *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.processes = slices.DeleteFunc(f.processes, func(other *process) bool { return other == p })
}

// stop ends it as its operator would.
func (p *process) stop() {
	p.cancel()
	p.working.Wait()
	require.NoError(p.fleet.t, p.consumer.Close())
	p.fleet.forget(p)
}

// kill cuts it off for good while it works.
func (p *process) kill() {
	_ = p.listener.Close()
	p.proxy.Cut()
	p.cancel()
	p.working.Wait()
	p.fleet.forget(p)
}

// awaitEven waits until the numbers of queues that the processes own differ by one at most, and each
// gets what is in its own.
func (f *fleet) awaitEven() {
	f.t.Helper()
	all := 0
	for _, n := range f.bots {
		all += n
	}
	var why string
	require.Eventually(f.t, func() bool {
		owned, working := f.count()
		why = fmt.Sprintf("%v of %d owned, %v at work",
			slices.Collect(maps.Values(owned)), all, slices.Collect(maps.Values(working)))
		sum := 0
		for p, n := range owned {
			sum += n
			// The bot with several queues counts for one.
			if n < all/len(owned) || n > (all-1)/len(owned)+1 || working[p] > n || working[p] < n-f.bots["busy"] {
				return false
			}
		}
		return sum == all
	}, patience, 20*time.Millisecond, "%s", &why)
}

// count is how many queues each process owns, and of how many bots it was the last that got something.
func (f *fleet) count() (owned, working map[*process]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	owned, working = map[*process]int{}, map[*process]int{}
	for _, p := range f.processes {
		owned[p] = ownedBy(f.t, p.queue)
	}
	for bot, last := range f.last {
		if f.bots[bot] == 1 {
			working[last.by]++
		}
	}
	return owned, working
}

func ownedBy(t *testing.T, q queue.Queue) int {
	t.Helper()
	activity, err := q.Activity(t.Context())
	require.NoError(t, err)
	return activity.Owned
}

// settle stops the load, and waits until all that was published came.
func (f *fleet) settle() {
	f.t.Helper()
	f.halt()
	f.sending.Wait()
	require.Eventually(f.t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		came := 0
		for _, n := range f.next {
			came += n
		}
		return came == f.published
	}, patience, 20*time.Millisecond)
}
