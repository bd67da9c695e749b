package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

// dispatchConcurrency is how many requests to bots run at once by default.
const dispatchConcurrency = 64

// chaosVariable makes the chaos tests run all faults; `make chaos` sets it.
const chaosVariable = "BOTGATE_CHAOS"

func chaosWanted() bool { return os.Getenv(chaosVariable) != "" }

// parallel lets the test run beside others, but not in the long form, where what is measured is to
// come from its own faults.
func parallel(t *testing.T) {
	t.Helper()
	if !chaosWanted() {
		t.Parallel()
	}
}

// chaos is a stack with a load on it and what happened so far. In the long form there are two
// gateways, and beside the bot "demo" others that are not well.
type chaos struct {
	*stack
	t      *testing.T
	second *stack
	others *neighbours
	load   *chaosLoad
	// kills counts how often dispatch was killed.
	kills int
	// again counts what was delivered again until the last fault was over.
	again int
	// careless is set where the gateway loses events, which is found at the end.
	careless bool

	table strings.Builder
}

// fault is something that goes wrong for a while.
type fault struct {
	name       string
	begin, end func()
	// quick faults are in the short form, too.
	quick bool
	// holds is how long it lasts.
	holds time.Duration
}

// startChaos puts a load on a stack with the broker behind the URL.
func startChaos(t *testing.T, broker *testsvc.Server, url string, env ...string) *chaos {
	t.Helper()
	c := &chaos{stack: newStack(t), t: t}
	c.rabbit, c.env = broker, append(c.env, env...)
	if !chaosWanted() {
		c.startServicesOn(url)
		broker.AwaitQueues("botgate.record", "botgate.bot.demo")
		c.load = startChaosLoad(c.stack)
		return c
	}
	c.others = newNeighbours(t, c.stack)
	c.postgres = testsvc.StartDurablePostgres(t)
	c.database = c.postgres.URL
	// The default is half an hour, in which no test could hold an event.
	broker.Rabbitmqctl("eval", "application:set_env(rabbit, consumer_timeout, 60000).")
	c.startServicesOn(url)
	broker.AwaitQueues("botgate.record", "botgate.bot.demo", "botgate.bot.down", "botgate.bot.down.1", "botgate.bot.hangs")
	c.second = c.secondGateway()
	c.load = startChaosLoad(c.stack)
	c.load.add(c.second, "demo", chaosSenders/4)
	for name, b := range map[string]*bot{"down": c.others.down, "hangs": c.others.hangs} {
		c.load.bots[name] = b
		c.load.add(c.stack, name, 2)
		c.load.add(c.second, name, 1)
	}
	return c
}

// processFaults end processes, or hold them.
func (c *chaos) processFaults() []fault {
	return []fault{
		{name: "nothing", begin: func() {}, end: func() {}, quick: true},
		{name: "broker killed -9", begin: c.rabbit.Kill, end: c.rabbit.Restart, quick: true},
		{name: "broker stopped (SIGSTOP)", begin: c.rabbit.Pause, end: c.rabbit.Resume, holds: 3 * time.Second},
		{
			name: "broker's memory alarm", holds: 2 * time.Minute,
			begin: func() { c.rabbit.Rabbitmqctl("set_vm_memory_high_watermark", "absolute", "1") },
			end:   func() { c.rabbit.Rabbitmqctl("set_vm_memory_high_watermark", "0.3") },
		},
		{name: "Redis killed -9", begin: c.redis.Kill, end: c.redis.Restart, holds: 2 * time.Second},
		{name: "gateway killed -9", begin: func() { c.gateway.kill() }, end: c.startGateway, quick: true},
		{
			name:  "second gateway killed -9",
			begin: func() { c.second.gateway.kill() }, end: func() { c.second.startGateway() },
		},
		{name: "consumers killed -9", begin: c.killConsumers, end: c.startBackends, quick: true},
	}
}

// limitFaults have queues that are full.
func (c *chaos) limitFaults() []fault {
	const holds = 20 * time.Second
	unlimited := func() { c.rabbit.Rabbitmqctl("clear_policy", "limit") }
	return []fault{
		{
			name: "database killed -9, queue of record full", holds: holds,
			begin: func() { c.limit("botgate.record", 100); c.postgres.Kill() },
			end:   func() { c.postgres.Restart(); unlimited() },
		},
		{name: "queue of a bot that is down full", holds: holds, begin: func() { c.limit("botgate.bot.down", 10) }, end: unlimited},
	}
}

// limit has a queue refuse what is above the length.
func (c *chaos) limit(name string, length int) {
	c.t.Helper()
	c.rabbit.Rabbitmqctl("set_policy", "--apply-to", "queues", "limit", "^"+regexp.QuoteMeta(name)+"$",
		fmt.Sprintf(`{"max-length": %d}`, length))
}

// networkFaults are those of a network between Botgate and the broker.
func networkFaults(proxy *testsvc.Proxy) []fault {
	partition := func(mute, deafen bool) func() { return func() { proxy.Partition(mute, deafen) } }
	const holds = 3 * time.Second
	return []fault{
		{name: "connections cut", begin: proxy.Cut, end: func() {}, quick: true},
		{name: "network cut off both ways", begin: partition(true, true), end: proxy.Cut, holds: holds},
		{name: "broker not heard", begin: partition(true, false), end: proxy.Cut, holds: holds},
		{name: "broker does not hear", begin: partition(false, true), end: proxy.Cut, holds: holds},
	}
}

// killConsumers kills the backend's processes in random order.
func (c *chaos) killConsumers() {
	c.kills++
	for _, i := range rand.Perm(len(c.backends)) {
		c.backends[i].kill()
	}
}

// awaitDrained waits until events go to the broker directly, so that the next fault meets
// publishes and not the spool alone. Draining may take as long as the fault did.
func (c *chaos) awaitDrained(after time.Duration) {
	c.t.Helper()
	eventuallyWithin(c.t, after+patience, func() error {
		if c.metric("botgate_spool_degraded") != 0 {
			return errors.New("the spool is not drained")
		}
		return nil
	})
}

// suffer lets the fault happen under load and writes a line of the table.
func (c *chaos) suffer(f fault) {
	c.t.Helper()
	c.awaitDrained(0)
	c.load.count()
	f.begin()
	hold := time.NewTimer(f.holds)
	<-hold.C
	f.end()
	healed := time.Now()
	c.load.acceptedSince(c.t, healed)
	c.awaitDrained(f.holds)
	recovery := time.Since(healed)
	if !c.careless {
		c.bot.awaitAll(c.t, c.load.acceptedFor("demo"))
	}
	c.load.progress(c.t, chaosProgress)
	n := c.load.count()
	require.NoError(c.t, n.fatal)
	again := c.load.deliveredAgain()
	fmt.Fprintf(&c.table, "%s\t%d\t%d\t\t%d\t%d\t\t%s\t%s\n", f.name, n.accepted, n.refused, n.repeated, again-c.again,
		n.longest.Round(time.Millisecond), recovery.Round(time.Millisecond))
	c.again = again
}

// conclude stops the load, makes every bot well and prints the table.
func (c *chaos) conclude() chaosResult {
	c.t.Helper()
	c.load.stop()
	atMost := patience
	if c.others != nil {
		require.Empty(c.t, append(c.others.down.all(), c.others.hangs.all()...))
		c.others.heal()
		atMost = 5 * time.Minute // A bot that was down for long is tried once a minute.
	}
	r := c.load.settle(c.t, atMost)
	fmt.Fprintf(&c.table, "together\t%d\t\t%d\t\t%d\t%d\t\t\n", len(c.load.accepted), r.stored, r.again, r.lost)
	var out testlog.Buffer
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprint(w, "fault\taccepted\trefused\tstored\tduplicates suppressed\tdelivered again\tlost\tlongest 2xx\trecovery\n"+c.table.String())
	require.NoError(c.t, errors.Join(err, w.Flush()))
	c.t.Logf("\n%s", out.String())
	return r
}

// requireAll finds each event that was answered with 2xx stored exactly once, and that its
// bot saw it after its predecessors, and none again but those that were under way when dispatch
// was killed.
func (c *chaos) requireAll() {
	c.t.Helper()
	r := c.conclude()
	require.Zero(c.t, r.lost)
	require.LessOrEqual(c.t, r.again, c.kills*dispatchConcurrency)
	c.load.requireOrder(c.t)
}

// TestChaos stops, kills and partitions each service under load, one after the other, and brings it back.
func TestChaos(t *testing.T) {
	broker := testsvc.StartRabbitMQ(t)
	proxy := testsvc.StartProxy(t, broker.URL)
	c := startChaos(t, broker, proxy.URL)
	faults := append(c.processFaults(), networkFaults(proxy)...)
	if chaosWanted() {
		faults = append(faults, c.limitFaults()...)
	}
	for _, f := range faults {
		if f.quick || chaosWanted() {
			c.suffer(f)
		}
	}
	c.requireAll()
}

// TestChaosDeletedQueue deletes the queue of record under load, again and again. The history
// brings back what was in it.
func TestChaosDeletedQueue(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	broker := testsvc.StartRabbitMQ(t)
	c := startChaos(t, broker, broker.URL, "BOTGATE_HISTORY=1h 256MiB")
	for range 3 {
		c.suffer(fault{
			name: "queue deleted", end: func() {}, holds: time.Second,
			begin: func() { broker.Rabbitmqctl("delete_queue", "botgate.record") },
		})
	}
	c.replay("--to", "record")
	c.requireAll()
}

// TestChaosNotices builds a gateway that does not wait for the broker's confirms, and
// finds that it loses events: so the tests above would notice.
func TestChaosNotices(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	careless := filepath.Join(t.TempDir(), "botgate")
	require.NoError(t, build(careless, "../cmd/botgate", "botgate_unconfirmed"))
	careful := gatewayBinary
	gatewayBinary = careless
	t.Cleanup(func() { gatewayBinary = careful })
	broker := testsvc.StartRabbitMQ(t)
	proxy := testsvc.StartProxy(t, broker.URL)
	c := startChaos(t, broker, proxy.URL, "BOTGATE_ON_BROKER_ERROR=reject")
	c.careless = true
	for range 3 {
		c.suffer(fault{
			name:  "broker does not hear, then killed -9",
			begin: func() { proxy.Partition(false, true) }, holds: time.Second,
			end: func() { proxy.Cut(); broker.Kill(); broker.Restart() },
		})
	}
	require.Positive(t, c.conclude().lost, "a gateway without confirms loses events")
}
