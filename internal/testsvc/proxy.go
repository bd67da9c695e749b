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
	// away is how long what the server says is under way.
	away  time.Duration
	mu    sync.Mutex
	conns map[net.Conn]bool // Whether it leads to the server.
	muted map[net.Conn]bool // What comes from these is dropped.
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

// StartDistant starts a proxy to a server that is so far away, there and back. What the server says is held back, and
// any amount can be under way.
func StartDistant(t testing.TB, serverURL string, roundTrip time.Duration) *Proxy {
	t.Helper()
	p := StartProxy(t, serverURL)
	p.mu.Lock()
	p.away = roundTrip
	p.mu.Unlock()
	return p
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
		away := p.away
		p.mu.Unlock()
		p.group.Go(func() { p.pipe(server, client) })
		if away > 0 {
			p.group.Go(func() { p.pipeLate(client, server, away) })
		} else {
			p.group.Go(func() { p.pipe(client, server) })
		}
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

// late is what was said at a time.
type late struct {
	text []byte
	said time.Time
}

// maxLate is how many texts are under way.
const maxLate = 1024

// pipeLate copies until the end, each text when it was under way for so long.
func (p *Proxy) pipeLate(to, from net.Conn, away time.Duration) {
	texts := make(chan late, maxLate)
	p.group.Go(func() {
		defer close(texts)
		for {
			buffer := make([]byte, 4<<10)
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			texts <- late{buffer[:n], time.Now()}
		}
	})
	for text := range texts {
		<-time.After(time.Until(text.said.Add(away)))
		if _, err := to.Write(text.text); err != nil {
			_ = from.Close()
		}
	}
	_ = to.Close()
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
