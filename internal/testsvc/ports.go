package testsvc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Ports for servers are below those that systems give to outgoing connections, of which tests
// make so many that a port found free would often be taken before a server can bind it.
const (
	firstPort = 15_000
	lastPort  = 31_999
	portTries = 100
)

// port is a port on 127.0.0.1 that no other test process takes while it is held.
type port struct {
	number int
	// held is a socket of the same number for UDP, which no server here uses: a server's own
	// port is free while it starts, restarts or is down.
	held net.PacketConn
}

// FreeAddresses returns addresses on 127.0.0.1 that nobody listens on, and that no other test gets before
// this one ends.
func FreeAddresses(t testing.TB, n int) []string {
	t.Helper()
	ports, err := holdPorts(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { releasePorts(ports) })
	var addresses []string
	for _, p := range ports {
		addresses = append(addresses, p.address())
	}
	return addresses
}

// holdPorts returns ports that nobody listens on, which are to be released.
func holdPorts(ctx context.Context, n int) ([]port, error) {
	var ports []port
	for range n {
		p, err := holdPort(ctx)
		if err != nil {
			releasePorts(ports)
			return nil, err
		}
		ports = append(ports, p)
	}
	return ports, nil
}

func (p port) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.number)) }

func releasePorts(ports []port) {
	for _, p := range ports {
		_ = p.held.Close()
	}
}

func numbers(ports []port) []int {
	var all []int
	for _, p := range ports {
		all = append(all, p.number)
	}
	return all
}

func holdPort(ctx context.Context) (port, error) {
	var err error
	for range portTries {
		var p port
		if p, err = tryPort(ctx, firstPort+rand.N(lastPort-firstPort+1)); err == nil {
			return p, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return port{}, fmt.Errorf("finding a free port: %w", errors.Join(ctx.Err(), err))
}

func tryPort(ctx context.Context, number int) (port, error) {
	var config net.ListenConfig
	p := port{number: number}
	held, err := config.ListenPacket(ctx, "udp", p.address())
	if err != nil {
		return port{}, err
	}
	listener, err := config.Listen(ctx, "tcp", p.address())
	if err != nil {
		_ = held.Close()
		return port{}, err
	}
	p.held = held
	return p, listener.Close()
}
