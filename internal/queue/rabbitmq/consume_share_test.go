package rabbitmq_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

// Where the user may not have the exchange, each process consumes all queues, and says so once.
func TestMembersWithoutPermission(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a broker")
	}
	server := testsvc.StartRabbitMQ(t)
	allowed := `^botgate\.(events|changes|recording|dispatch|record|unrecorded|unrouted|dead|turn|bot\..+|suspect\..+)$`
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
	bots := queue.Bots{"bot": 1}
	second, err := open(t, config).Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{Bots: bots})
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
