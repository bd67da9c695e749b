package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/botgate/botgate/internal/testsvc"
)

// TestChaosCluster kills the node that leads the queues of a cluster of three.
func TestChaosCluster(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	nodes := testsvc.StartRabbitMQCluster(t, 3)
	c := startChaos(t, nodes[0], clusterURL(nodes))
	for range nodes {
		leader := testsvc.RabbitMQLeader(t, nodes, "botgate.record")
		c.suffer(fault{name: "leader killed -9, two nodes left", begin: leader.Kill, end: func() {}})
		c.suffer(fault{name: "the node returns", begin: func() {}, end: leader.Restart})
	}
	c.suffer(c.minority(nodes, "botgate.bot.down"))
	c.requireAll()
}

// clusterURL has the addresses of all nodes.
func clusterURL(nodes []*testsvc.Server) string {
	addresses := make([]string, len(nodes))
	for i, n := range nodes {
		addresses[i] = "127.0.0.1:" + n.Port()
	}
	return "amqp://guest:guest@" + strings.Join(addresses, ",") + "/"
}

// minority has a queue lose its majority, while all others keep theirs.
func (c *chaos) minority(nodes []*testsvc.Server, name string) fault {
	leader := testsvc.RabbitMQLeader(c.t, nodes, name)
	var others []*testsvc.Server
	for _, n := range nodes {
		if n != leader {
			others = append(others, n)
		}
	}
	return fault{
		name: "a bot's queue without a majority", holds: 20 * time.Second,
		begin: func() {
			leader.RabbitmqQueues("delete_member", name, others[0].NodeName())
			others[1].Kill()
		},
		end: func() {
			others[1].Restart()
			leader.RabbitmqQueues("add_member", name, others[0].NodeName())
		},
	}
}

// TestChaosAlertsCluster has a cluster lose nodes.
func TestChaosAlertsCluster(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	withoutRaceDetector(t)
	nodes, metrics := testsvc.StartRabbitMQClusterWithMetrics(t, 3)
	c := &chaos{stack: newStack(t), t: t}
	c.startServicesOn(clusterURL(nodes))
	c.load = newChaosLoad(c.stack)
	c.load.add(c.stack, "demo", 4)
	w := c.watch(10, func() map[string][]string {
		jobs := c.scraped()
		jobs["rabbitmq"], jobs["rabbitmq-queues"] = metrics, metrics
		return jobs
	})
	w.requireAlerts([]fault{
		{name: "a node of three killed -9", begin: nodes[0].Kill, end: nodes[0].Restart},
		{
			name:  "two nodes of three killed -9",
			begin: func() { nodes[1].Kill(); nodes[2].Kill() }, end: func() { nodes[1].Restart(); nodes[2].Restart() },
		},
	})
	c.requireAll()
}
