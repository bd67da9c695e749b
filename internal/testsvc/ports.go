package testsvc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports for servers are below those that systems give to outgoing connections, of which tests
// make so many that a port found free would often be taken before a server can bind it.
const (
	firstPort = 15_000
	lastPort  = 31_999
	portTries = 100
)

// FreePorts returns ports on 127.0.0.1 that nobody listens on. All are held at once, so that
// they differ.
func FreePorts(ctx context.Context, n int) ([]int, error) {
	ports := make([]int, 0, n)
	var err error
	for try := 0; len(ports) < n; try++ {
		if try == portTries*n {
			return nil, errors.Join(errors.New("finding a free port"), err)
		}
		port := firstPort + rand.N(lastPort-firstPort+1)
		var listener net.Listener
		listener, err = new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			if ctx.Err() != nil {
				return nil, fmt.Errorf("finding a free port: %w", ctx.Err())
			}
			continue
		}
		defer func() { _ = listener.Close() }()
		ports = append(ports, port)
	}
	return ports, nil
}
