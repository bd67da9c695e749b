//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// connectionsPerAddress are open from one address at most: an address has some 28 000 ports.
	connectionsPerAddress = 20_000
	// spareFiles is what a process needs open beside its connections.
	spareFiles = 1000
)

// BenchmarkConnections keeps b.N connections to one gateway open, from several addresses of
// this machine. Each sends a command, and once all are idle a second one. It reports how many a second
// were accepted and served, and what the gateway's process has in memory while they are
// idle; the kernel's own memory is not in it. It raises the limit of open files, so it wants root for
// many:
//
//	go test -run - -bench Connections -benchtime 100000x -timeout 30m ./bench
func BenchmarkConnections(b *testing.B) {
	allowFiles(b, uint64(b.N+spareFiles)) //nolint:gosec // It is not negative.
	g := startGateway(b, buildGateway(b), "BOTGATE_ROLES=none", "BOTGATE_IDLE_TIMEOUT=30m")
	idle := newIdleConnections(b, g)
	before := g.memory(b)
	b.ResetTimer()

	opening := idle.each(b, idle.open)
	b.ReportMetric(float64(b.N)/opening.Seconds(), "accepted/s")
	b.ReportMetric(1000*(g.memory(b)-before)/float64(b.N), "KB/connection")
	b.ReportMetric(g.memory(b), "MB")
	again := idle.each(b, idle.send)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/again.Seconds(), "served-again/s")
	b.ReportMetric(g.memory(b), "MB-again")
}

// idleConnections are kept open without a goroutine for each.
type idleConnections struct {
	gateway *gateway
	address string
	body    string
	conns   []net.Conn
}

func newIdleConnections(b *testing.B, g *gateway) *idleConnections {
	idle := &idleConnections{
		gateway: g, address: strings.TrimPrefix(g.url, "http://"), conns: make([]net.Conn, b.N),
		body: `{"command":"/order","args":["` + strings.Repeat("x", bodySize) + `"]}`,
	}
	b.Cleanup(func() {
		for _, conn := range idle.conns {
			if conn != nil {
				_ = conn.Close()
			}
		}
	})
	return idle
}

// each calls do for every connection, for some at a time, and returns how long that took.
func (c *idleConnections) each(b *testing.B, do func(n int) error) time.Duration {
	b.Helper()
	var next atomic.Int64
	var senders sync.WaitGroup
	errs := make(chan error, connections)
	began := time.Now()
	for range connections {
		senders.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(c.conns); n = int(next.Add(1)) - 1 {
				if err := do(n); err != nil {
					errs <- fmt.Errorf("connection %d: %w", n, err)
					return
				}
			}
		})
	}
	senders.Wait()
	took := time.Since(began)
	close(errs)
	for err := range errs {
		require.NoError(b, err)
	}
	return took
}

// open opens a connection and sends its first command.
func (c *idleConnections) open(n int) error {
	dialer := net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+n/connectionsPerAddress))}, Timeout: startTimeout, KeepAlive: -1,
		// The port is chosen when the address it is for is known, so that it can be used for others, too.
		Control: func(_, _ string, raw syscall.RawConn) error {
			var set error
			err := raw.Control(func(fd uintptr) { set = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1) })
			if err != nil {
				return err
			}
			return set
		},
	}
	conn, err := dialer.Dial("tcp", c.address)
	if err != nil {
		return err
	}
	c.conns[n] = conn
	return c.send(n)
}

// send sends a command on an open connection, and reads its answer.
func (c *idleConnections) send(n int) error {
	conn := c.conns[n]
	if err := conn.SetDeadline(time.Now().Add(startTimeout)); err != nil {
		return err
	}
	_, err := io.WriteString(conn, "POST /v1/bots/demo/commands HTTP/1.1\r\nHost: "+c.address+
		"\r\nAuthorization: Bearer "+c.gateway.tokens[n%users]+
		"\r\nContent-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(c.body))+"\r\n\r\n"+c.body)
	if err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(response.Body)
	if err == nil {
		err = response.Body.Close()
	}
	if err == nil && response.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("status %d: %s", response.StatusCode, bytes.TrimSpace(answer))
	}
	return err
}

// bindAddressNoPort is IP_BIND_ADDRESS_NO_PORT of ip(7).
const bindAddressNoPort = 24

// allowFiles raises the limit of open files for this process and those it starts.
func allowFiles(b *testing.B, n uint64) {
	b.Helper()
	var limit syscall.Rlimit
	require.NoError(b, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Cur, limit.Max = max(limit.Cur, n), max(limit.Max, n)
	require.NoError(b, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit), "run it as root, or after ulimit -n %d", n)
}
