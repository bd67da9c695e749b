package testsvc

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// StartRabbitMQWithMetrics is StartRabbitMQ with the plugin rabbitmq_prometheus, and returns the address that it
// listens on, too.
func StartRabbitMQWithMetrics(t testing.TB) (server *Server, address string) {
	t.Helper()
	k := rabbitKind
	k.ports++ // The last one is the plugin's.
	k.setup = func(i *instance) error {
		settings := []string{fmt.Sprintf("prometheus.tcp.port = %d", i.ports[rabbitPorts]), "prometheus.tcp.ip = 127.0.0.1"}
		if err := setupRabbit(i, settings...); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(i.dir, "enabled_plugins"), []byte("[rabbitmq_prometheus]."), 0o644)
	}
	server = startServer(t, &k)
	return server, net.JoinHostPort("127.0.0.1", strconv.Itoa(server.instance.ports[rabbitPorts]))
}
