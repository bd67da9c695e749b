package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

// quick are times for tests.
var quick = rabbitmq.Sharing{
	AnnounceInterval: 50 * time.Millisecond, MemberTimeout: time.Second, SettleTime: 300 * time.Millisecond,
	MoveInterval: 500 * time.Millisecond,
}

const sharedBots = 13

// One process becomes four and then one again, under load: the queues are spread evenly, nothing is
// lost or out of order, and nothing comes twice but for what was worked on in a process that was killed.
func TestProcessesShareQueues(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.begin()
	f.awaitEven()
	for range 3 {
		f.begin()
	}
	f.awaitEven()
	f.processes[1].stop()
	f.awaitEven()
	require.Empty(t, f.repeats(), "nothing was killed")
	f.processes[0].kill()
	f.awaitEven()
	f.processes[0].kill()
	f.awaitEven()
	f.settle()
	t.Logf("%d events; the longest hand-over took %s", f.published, f.longest)
}

// Those that begin at the same time share, too.
func TestProcessesBeginTogether(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(f.begin)
	}
	group.Wait()
	f.awaitEven()
	f.settle()
	require.Empty(t, f.repeats())
}

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
		why = fmt.Sprintf("%v of %d owned, %v at work", slices.Collect(maps.Values(owned)), all, slices.Collect(maps.Values(working)))
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

// Where the user may not have the exchange, each process consumes all queues, and says so once.
func TestMembersWithoutPermission(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a broker")
	}
	server := testsvc.StartRabbitMQ(t)
	allowed := `^botgate\.(events|recording|dispatch|record|unrecorded|unrouted|dead|turn|bot\..+|suspect\..+)$`
	server.Rabbitmqctl("add_user", "botgate", "s3cret")
	server.Rabbitmqctl("set_permissions", "botgate", allowed, `^(botgate\.|amq\.default$)`, `^botgate\.`)
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	u.User = url.UserPassword("botgate", "s3cret")
	logged := &logBuffer{}
	config := rabbitmq.Config{URL: u.String(), Sharing: quick, Logger: slog.New(slog.NewTextHandler(logged, nil))}
	q := openReady(t, config)
	c, err := q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{})
	require.NoError(t, err)
	second, err := open(t, config).Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{Bots: queue.Bots{"bot": 1}})
	require.NoError(t, err)
	logged.await(t, "level=WARN", "can't hear of each other", "botgate.members")
	for range 3 {
		e := newEvent(t, "key")
		require.NoError(t, q.Publish(t.Context(), e))
		d := receiveOne(t, c)
		require.Equal(t, e.ID, d.Event.ID)
		require.NoError(t, c.Ack(t.Context(), d))
	}
	require.NoError(t, c.Close())
	e := newEvent(t, "key")
	require.NoError(t, q.Publish(t.Context(), e))
	require.Equal(t, e.ID, receiveOne(t, second).Event.ID)
	require.Equal(t, 2, strings.Count(logged.String(), "can't hear of each other"), "once by each")
}

// A queue is not handed over while one of its deliveries is worked on, but for a bounded time.
func TestHandOverWaitsForWhatIsWorkedOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wait  time.Duration
		acked bool
	}{
		"until it is done": {time.Hour, true},
		"but not for ever": {time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := testsvc.RabbitMQ(t)
			config := rabbitmq.Config{URL: address, Prefix: newPrefix(t, address), Sharing: quick}
			config.Sharing.HandOverWait = c.wait
			bots := queue.Bots{}
			for n := range 6 {
				bots[fmt.Sprint("bot-", n)] = 1
			}
			first, second := openReady(t, config), open(t, config)
			held, next := map[string]*queue.Delivery{}, map[string]string{}
			for bot := range bots {
				for n := range 2 {
					e := newEvent(t, "key")
					e.Bot = bot
					require.NoError(t, first.Publish(t.Context(), e))
					if n == 1 {
						next[bot] = e.ID
					}
				}
			}
			a, err := first.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{Bots: bots})
			require.NoError(t, err)
			for range bots {
				d := receiveOne(t, a)
				held[d.Event.Bot] = d
			}
			b, err := second.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{Bots: bots})
			require.NoError(t, err)
			require.Eventually(t, func() bool { return ownedBy(t, second) == len(bots)/2 }, patience, 10*time.Millisecond)
			if c.acked {
				for _, d := range held {
					require.NoError(t, a.Ack(t.Context(), d))
				}
			}
			for came := map[string]bool{}; len(came) < len(bots)/2; {
				d := receiveOne(t, b)
				bot := d.Event.Bot
				if !c.acked && !came[bot] {
					require.Equal(t, held[bot].Event.ID, d.Event.ID)
				} else {
					require.Equal(t, next[bot], d.Event.ID)
				}
				came[bot] = true
				require.NoError(t, b.Ack(t.Context(), d))
			}
		})
	}
}

// While the broker takes no messages, members hear nothing of each other, and each waits for all queues.
// Nothing moves by that, and nothing comes twice.
func membersDuringAnAlarm(t *testing.T, server *testsvc.Server) {
	config := rabbitmq.Config{URL: server.URL, Prefix: "botgate.alarm", Sharing: quick}
	bots := queue.Bots{}
	for n := range 6 {
		bots[fmt.Sprint("bot-", n)] = 1
	}
	processes := []*rabbitmq.Queue{openReady(t, config), openReady(t, config)}
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	came := make(chan *queue.Delivery, 1000)
	for _, q := range processes {
		c, err := q.Subscribe(ctx, queue.Dispatch, queue.SubscribeOptions{Bots: bots})
		require.NoError(t, err)
		working.Go(func() {
			for {
				ds, err := c.Receive(ctx, 1)
				if err != nil {
					return
				}
				came <- ds[0]
				_ = c.Ack(ctx, ds[0])
			}
		})
	}
	awaitOwned := func(each int) {
		t.Helper()
		require.Eventually(t, func() bool {
			return ownedBy(t, processes[0]) == each && ownedBy(t, processes[1]) == each
		}, patience, 10*time.Millisecond)
	}
	sent := map[string]bool{}
	publish := func() {
		t.Helper()
		for bot := range bots {
			e := newEvent(t, "key")
			e.Bot, sent[e.ID] = bot, true
			require.Eventually(t, func() bool { return processes[0].Publish(ctx, e) == nil }, patience, 10*time.Millisecond)
		}
	}
	awaitOwned(3)
	publish()
	server.Rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
	awaitOwned(6)
	server.Rabbitmqctl("set_vm_memory_high_watermark", "0.3")
	awaitOwned(3)
	publish()
	for n := len(sent); n > 0; n-- {
		d := <-came
		require.True(t, sent[d.Event.ID], "it came twice")
		delete(sent, d.Event.ID)
	}
}
