package testsvc

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Proxy stands between clients and a server, for tests of what a network does. It ends
// with the test.
type Proxy struct {
	// URL is the server's, with the proxy's address.
	URL string

	server string
	mu     sync.Mutex
	conns  map[net.Conn]bool // Whether it leads to the server.
	muted  map[net.Conn]bool // What comes from these is dropped.
	// mute and deafen are for connections to come.
	mute, deafen bool
	held         chan struct{}
	group        sync.WaitGroup
}

// StartProxy starts a proxy to the server of the URL.
func StartProxy(t testing.TB, serverURL string) *Proxy {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return StartProxyOn(t, serverURL, listener)
}

// StartProxyOn starts a proxy that listens on the listener, which it closes.
func StartProxyOn(t testing.TB, serverURL string, listener net.Listener) *Proxy {
	t.Helper()
	u, err := url.Parse(serverURL)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{server: u.Host, conns: map[net.Conn]bool{}, muted: map[net.Conn]bool{}, held: make(chan struct{}, 1)}
	u.Host = listener.Addr().String()
	p.URL = u.String()
	p.group.Go(func() { p.serve(t.Context(), listener) })
	t.Cleanup(func() {
		_ = listener.Close()
		p.Cut()
		p.group.Wait()
	})
	return p
}

func (p *Proxy) serve(ctx context.Context, listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := new(net.Dialer).DialContext(ctx, "tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = false, true
		p.muted[client], p.muted[server] = p.deafen, p.mute
		p.mu.Unlock()
		p.group.Go(func() { p.pipe(server, client) })
		p.group.Go(func() { p.pipe(client, server) })
	}
}

// pipe copies until the end, except for what is dropped.
func (p *Proxy) pipe(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err == nil && !p.swallows(from) {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) swallows(from net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.muted[from] {
		return false
	}
	select {
	case p.held <- struct{}{}:
	default:
	}
	return true
}

// Mute drops what the server says on the connections that there are.
func (p *Proxy) Mute() { p.drop(true) }

// Deafen drops what clients say on the connections that there are.
func (p *Proxy) Deafen() { p.drop(false) }

func (p *Proxy) drop(answers bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn, server := range p.conns {
		if server == answers {
			p.muted[conn] = true
		}
	}
}

// Partition drops what the server says, what clients say, or both, on the connections
// that there are and on those to come, until Cut.
func (p *Proxy) Partition(mute, deafen bool) {
	p.mu.Lock()
	p.mute, p.deafen = mute, deafen
	p.mu.Unlock()
	if mute {
		p.drop(true)
	}
	if deafen {
		p.drop(false)
	}
}

// AwaitDropped waits until something was dropped.
func (p *Proxy) AwaitDropped(t testing.TB) {
	t.Helper()
	select {
	case <-p.held:
	case <-time.After(time.Minute):
		t.Fatal("nothing was said")
	}
}

// Cut ends all connections and lets new ones through.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute, p.deafen = false, false
	for conn := range p.conns {
		_ = conn.Close()
	}
	clear(p.conns)
	clear(p.muted)
}
