package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

// chaosVariable makes the chaos tests run all faults; `make chaos` sets it.
const chaosVariable = "BOTGATE_CHAOS"

func chaosWanted() bool { return os.Getenv(chaosVariable) != "" }

// chaos is a stack with a load on it and what happened so far.
type chaos struct {
	*stack
	t     *testing.T
	load  *chaosLoad
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
	c.startServicesOn(url)
	c.load = startChaosLoad(c.stack)
	return c
}

// processFaults end processes, or hold them.
func (c *chaos) processFaults() []fault {
	return []fault{
		{name: "nothing", begin: func() {}, end: func() {}, quick: true},
		{name: "broker killed -9", begin: c.rabbit.Kill, end: c.rabbit.Restart, quick: true},
		{name: "broker stopped (SIGSTOP)", begin: c.rabbit.Pause, end: c.rabbit.Resume, holds: 3 * time.Second},
		{
			name: "broker's memory alarm", holds: 3 * time.Second,
			begin: func() { c.rabbit.Rabbitmqctl("set_vm_memory_high_watermark", "absolute", "1") },
			end:   func() { c.rabbit.Rabbitmqctl("set_vm_memory_high_watermark", "0.3") },
		},
		{name: "Redis killed -9", begin: c.redis.Kill, end: c.redis.Restart, holds: 2 * time.Second},
		{name: "gateway killed -9", begin: func() { c.gateway.kill() }, end: c.startGateway, quick: true},
		{name: "consumers killed -9", begin: c.killConsumers, end: c.startBackends, quick: true},
	}
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
	for _, i := range rand.Perm(len(c.backends)) {
		c.backends[i].kill()
	}
}

// awaitDrained waits until events go to the broker directly, so that the next fault meets
// publishes and not the spool alone.
func (c *chaos) awaitDrained() {
	c.t.Helper()
	c.awaitMetric("botgate_spool_degraded", func(degraded float64) bool { return degraded == 0 })
}

// suffer lets the fault happen under load and writes a line of the table.
func (c *chaos) suffer(f fault) {
	c.t.Helper()
	c.awaitDrained()
	c.load.count()
	f.begin()
	hold := time.NewTimer(f.holds)
	<-hold.C
	f.end()
	healed := time.Now()
	c.load.acceptedSince(c.t, healed)
	c.awaitDrained()
	recovery := time.Since(healed)
	c.load.progress(c.t, chaosProgress)
	n := c.load.count()
	require.NoError(c.t, n.fatal)
	fmt.Fprintf(&c.table, "%s\t%d\t%d\t\t%d\t\t\t%s\t%s\n", f.name, n.accepted, n.refused, n.repeated,
		n.longest.Round(time.Millisecond), recovery.Round(time.Millisecond))
}

// conclude stops the load and prints the table.
func (c *chaos) conclude() chaosResult {
	c.t.Helper()
	c.load.stop()
	r := c.load.settle(c.t)
	fmt.Fprintf(&c.table, "together\t%d\t\t%d\t\t%d\t%d\t\t\n", len(c.load.accepted), r.stored, r.again, r.lost)
	var out testlog.Buffer
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprint(w, "fault\taccepted\trefused\tstored\tduplicates suppressed\tdelivered again\tlost\tlongest 2xx\trecovery\n"+c.table.String())
	require.NoError(c.t, errors.Join(err, w.Flush()))
	c.t.Logf("\n%s", out.String())
	return r
}

// requireAll finds each event that was answered with 2xx stored exactly once, and that the
// bot saw it after its predecessors.
func (c *chaos) requireAll() {
	c.t.Helper()
	require.Zero(c.t, c.conclude().lost)
	c.load.requireOrder(c.t)
}

// TestChaos stops, kills and partitions each service under load, one after the other, and brings it back.
func TestChaos(t *testing.T) {
	broker := testsvc.StartRabbitMQ(t)
	proxy := testsvc.StartProxy(t, broker.URL)
	c := startChaos(t, broker, proxy.URL)
	for _, f := range append(c.processFaults(), networkFaults(proxy)...) {
		if f.quick || chaosWanted() {
			c.suffer(f)
		}
	}
	c.requireAll()
}

// TestChaosCluster kills the node that leads the queues of a cluster of three.
func TestChaosCluster(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	nodes := testsvc.StartRabbitMQCluster(t, 3)
	urls := make([]string, len(nodes))
	for i, n := range nodes {
		urls[i] = "127.0.0.1:" + n.Port()
	}
	c := startChaos(t, nodes[0], "amqp://guest:guest@"+strings.Join(urls, ",")+"/")
	for range nodes {
		leader := testsvc.RabbitMQLeader(t, nodes, "botgate.record")
		c.suffer(fault{name: "leader killed -9, two nodes left", begin: leader.Kill, end: func() {}})
		c.suffer(fault{name: "the node returns", begin: func() {}, end: leader.Restart})
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
	for range 3 {
		c.suffer(fault{
			name:  "broker does not hear, then killed -9",
			begin: func() { proxy.Partition(false, true) }, holds: time.Second,
			end: func() { proxy.Cut(); broker.Kill(); broker.Restart() },
		})
	}
	require.Positive(t, c.conclude().lost, "a gateway without confirms loses events")
}
