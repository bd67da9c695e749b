package testsvc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// StartRabbitMQCluster starts private RabbitMQ nodes that form one cluster, which takes
// about ten seconds a node. Quorum queues have a replica on each.
func StartRabbitMQCluster(t testing.TB, size int) []*Server {
	t.Helper()
	return startCluster(t, size, func(k kind) *kind { return &k })
}

// startCluster starts nodes that are changed so.
func startCluster(t testing.TB, size int, changed func(kind) *kind) []*Server {
	t.Helper()
	first := startServer(t, changed(rabbitKind))
	nodes := []*Server{first}
	for len(nodes) < size {
		node := startServer(t, changed(rabbitPeer(first.instance)))
		node.Rabbitmqctl("stop_app")
		node.Rabbitmqctl("join_cluster", nodeName(first.instance))
		node.Rabbitmqctl("start_app")
		nodes = append(nodes, node)
	}
	return nodes
}

// RabbitMQLeader returns the node that leads a quorum queue. All nodes have to run.
func RabbitMQLeader(t testing.TB, nodes []*Server, queue string) *Server {
	t.Helper()
	for line := range strings.Lines(nodes[0].Rabbitmqctl("--quiet", "list_queues", "--no-table-headers", "name", "leader")) {
		name, leader, _ := strings.Cut(strings.TrimSpace(line), "\t")
		for _, n := range nodes {
			if name == queue && leader == nodeName(n.instance) {
				return n
			}
		}
	}
	t.Fatalf("no node leads queue %s", queue)
	return nil
}

// nodeName is the node's name among Erlang's.
func nodeName(i *instance) string { return "t" + strconv.Itoa(i.ports[rabbitAMQP]) + "@localhost" }

// rabbitPeer is a node that can find the other one: through its port mapper, with its cookie.
func rabbitPeer(of *instance) kind {
	peer := rabbitKind
	peer.helper = nil
	peer.setup = func(i *instance) error {
		i.ports[rabbitEpmd] = of.ports[rabbitEpmd]
		if err := copyCookie(i, of); err != nil {
			return fmt.Errorf("copying the cookie: %w", err)
		}
		return setupRabbit(i)
	}
	return peer
}

func copyCookie(to, from *instance) error {
	const name = ".erlang.cookie"
	cookie, err := os.ReadFile(filepath.Join(from.dir, name))
	if err != nil {
		return err
	}
	path := filepath.Join(to.dir, name)
	if err := os.WriteFile(path, cookie, 0o400); err != nil || to.credential == nil {
		return err
	}
	return os.Chown(path, int(to.credential.Uid), int(to.credential.Gid))
}
