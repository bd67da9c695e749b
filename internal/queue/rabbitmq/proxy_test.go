package rabbitmq_test

import (
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between a client and the broker.
type proxy struct {
	url    string
	broker string

	mu    sync.Mutex
	conns map[net.Conn]bool     // Whether it leads to the broker.
	muted map[net.Conn]struct{} // What comes from these is dropped.
	held  chan struct{}
	group sync.WaitGroup
}

func startProxy(t *testing.T, address string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return startProxyOn(t, address, listener)
}

func startProxyOn(t *testing.T, address string, listener net.Listener) *proxy {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	p := &proxy{broker: u.Host, conns: map[net.Conn]bool{}, muted: map[net.Conn]struct{}{}, held: make(chan struct{}, 1)}
	u.Host = listener.Addr().String()
	p.url = u.String()
	p.group.Go(func() { p.serve(listener) })
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
		p.group.Wait()
	})
	return p
}

func (p *proxy) serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.broker)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = false, true
		p.mu.Unlock()
		p.group.Go(func() { p.pipe(server, client) })
		p.group.Go(func() { p.pipe(client, server) })
	}
}

// pipe copies until the end, except for what is dropped.
func (p *proxy) pipe(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err == nil && !p.swallow(from) {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) swallow(from net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, drop := p.muted[from]
	if drop {
		select {
		case p.held <- struct{}{}:
		default:
		}
	}
	return drop
}

// mute drops what the broker says on the connections that there are.
func (p *proxy) mute() { p.drop(true) }

// deafen drops what the client says on the connections that there are.
func (p *proxy) deafen() { p.drop(false) }

func (p *proxy) drop(answers bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn, broker := range p.conns {
		if broker == answers {
			p.muted[conn] = struct{}{}
		}
	}
}

// awaitDropped waits until something was dropped.
func (p *proxy) awaitDropped(t *testing.T) {
	t.Helper()
	select {
	case <-p.held:
	case <-time.After(patience):
		require.Fail(t, "nothing was said")
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
	clear(p.conns)
	clear(p.muted)
}
