package testsvc

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// StartRabbitMQWithMetrics is StartRabbitMQWith with the plugin rabbitmq_prometheus, and returns the address that it
// listens on, too.
func StartRabbitMQWithMetrics(t testing.TB, settings ...string) (server *Server, address string) {
	t.Helper()
	server = startServer(t, withMetrics(rabbitWith(settings...)))
	return server, server.metrics()
}

// StartRabbitMQClusterWithMetrics is StartRabbitMQCluster with the plugin on each node, and returns where it listens.
func StartRabbitMQClusterWithMetrics(t testing.TB, size int) (nodes []*Server, addresses []string) {
	t.Helper()
	nodes = startCluster(t, size, withMetrics)
	for _, n := range nodes {
		addresses = append(addresses, n.metrics())
	}
	return nodes, addresses
}

// withMetrics is a node with the plugin, whose port is the last one.
func withMetrics(k kind) *kind {
	setup := k.setup
	k.ports++
	k.setup = func(i *instance) error {
		if err := setup(i); err != nil {
			return err
		}
		path := filepath.Join(i.dir, "rabbitmq.conf")
		conf, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		conf = fmt.Appendf(conf, "prometheus.tcp.port = %d\nprometheus.tcp.ip = 127.0.0.1\n", i.ports[rabbitPorts])
		if err := os.WriteFile(path, conf, 0o644); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(i.dir, "enabled_plugins"), []byte("[rabbitmq_prometheus]."), 0o644)
	}
	return &k
}

// metrics is where the plugin of the node listens.
func (s *Server) metrics() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.instance.ports[rabbitPorts]))
}
