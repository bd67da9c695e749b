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
	conns map[net.Conn]struct{}
	muted bool
	held  chan struct{}
	group sync.WaitGroup
}

func startProxy(t *testing.T, address string) *proxy {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{broker: u.Host, conns: map[net.Conn]struct{}{}, held: make(chan struct{}, 1)}
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
		p.conns[client], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.group.Go(func() { p.pipe(server, client, false) })
		p.group.Go(func() { p.pipe(client, server, true) })
	}
}

// pipe copies until the end; while muted, what the broker says is dropped.
func (p *proxy) pipe(to, from net.Conn, answers bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err == nil && (!answers || !p.swallow()) {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) swallow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.muted {
		select {
		case p.held <- struct{}{}:
		default:
		}
	}
	return p.muted
}

// mute drops what the broker says until the next cut.
func (p *proxy) mute() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted = true
}

// awaitMuted waits until something was dropped.
func (p *proxy) awaitMuted(t *testing.T) {
	t.Helper()
	select {
	case <-p.held:
	case <-time.After(patience):
		require.Fail(t, "the broker said nothing")
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
	clear(p.conns)
	p.muted = false
}
