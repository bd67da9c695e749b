package integration

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// strangers is how many connections send bodies that nobody has verified.
	strangers = 1000
	// strangersBody is how long their bodies are said to be; a part of it they never send.
	strangersBody, strangersSent = 25_000_000, 24_000_000
	// maxResident is what the gateway's memory may come to meanwhile, in bytes.
	maxResident = 300_000_000
)

// TestStrangersFillNoMemory has a thousand connections send as much as they can under a signature that is
// well-formed and false, and hold it. The gateway's memory stays bounded, and good requests are answered.
func TestStrangersFillNoMemory(t *testing.T) {
	parallel(t)
	s := newStack(t)
	binary := filepath.Join(s.dir, "botgate")
	require.NoError(t, buildPlain(binary, "../cmd/botgate", "-trimpath"), "the race detector takes memory of its own")
	s.config = s.caddyfileWith(t, "\t@description path", unsignedRoute+"\t@description path")
	s.gateway = start(t, s.dir, s.env, binary, "run", "--config", s.config)
	s.waitReady(s.base, s.gateway)
	t.Logf("%d MB at the start", s.peak()/1_000_000)
	for name, crowd := range map[string]crowd{
		"declared": {header: fmt.Sprintf("Content-Length: %d\r\n", strangersBody)},
		"chunked":  {header: "Transfer-Encoding: chunked\r\n", chunked: true, spread: true},
		"gzip":     {header: fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n", strangersBody), spread: true},
	} {
		held := crowd.send(s)
		require.Positive(t, held, "%s: somebody holds what was sent", name)
		s.requireOthersServed(t, name)
		t.Logf("%s: %d of %d held their bodies, %d MB at most", name, held, strangers, s.peak()/1_000_000)
		require.Less(t, s.peak(), maxResident, name)
		crowd.leave()
	}
	s.requireBombsRefused(t)
	require.Less(t, s.peak(), maxResident, "bombs")
	eventually(t, func() error {
		if held := s.unverified(); held != 0 {
			return fmt.Errorf("%d bytes are held for nobody", held)
		}
		return nil
	})
}

// unsignedRoute checks bodies of which nobody says who sent them.
const unsignedRoute = `	handle /unsigned {
		bot_schema command.v1.json {
			max_size 25MB
		}
		respond 204
	}
`

// crowd is a thousand connections that send the same.
type crowd struct {
	// header says how long the body is.
	header  string
	chunked bool
	// spread gives each connection an address of its own; else all have one.
	spread bool

	open []net.Conn
}

// send sends on all connections until each has sent its part or is refused, and returns how many hold it.
func (c *crowd) send(s *stack) (held int64) {
	s.t.Helper()
	part := bytes.Repeat([]byte(" "), 1<<18)
	if c.chunked {
		part = fmt.Appendf(nil, "%x\r\n%s\r\n", len(part), part)
	}
	var holding atomic.Int64
	var wg sync.WaitGroup
	c.open = make([]net.Conn, strangers)
	for n := range c.open {
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
		if c.spread {
			from.IP = net.IPv4(127, 1, byte(n>>8), byte(n))
		}
		conn, err := (&net.Dialer{LocalAddr: from}).DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.base, "http://"))
		require.NoError(s.t, err)
		s.t.Cleanup(func() { conn.Close() })
		c.open[n] = conn
		wg.Go(func() {
			if c.sendTo(conn, part) == nil {
				holding.Add(1)
			}
		})
	}
	wg.Wait()
	return holding.Load()
}

// sendTo sends a request's head and nearly all of its body.
func (c *crowd) sendTo(conn net.Conn, part []byte) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(conn, "POST /hooks/demo/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"X-GitHub-Event: push\r\nX-Hub-Signature-256: sha256=%s\r\n%s\r\n", strings.Repeat("0", 64), c.header)
	for sent := 0; err == nil && sent < strangersSent; sent += len(part) {
		_, err = conn.Write(part)
	}
	return err
}

func (c *crowd) leave() {
	for _, conn := range c.open {
		conn.Close()
	}
}

// requireOthersServed sends what must be answered, from the address of the crowd and from another one.
func (s *stack) requireOthersServed(t *testing.T, name string) {
	t.Helper()
	a, err := s.github("push", name+"-small", fmt.Appendf(nil, `{"ref":%q}`, name+strings.Repeat("x", 10_000)))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	a, err = s.command(s.token("alice"), "", fmt.Appendf(nil, `{"command":"/hello","text":%q}`, strings.Repeat("x", 1000)))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	large := fmt.Appendf(nil, `{"ref":%q}`, name+strings.Repeat("x", 40_000))
	a, err = sendFrom(t.Context(), "127.9.9.9", s.base+"/hooks/demo/github", s.signed("github", "push", name+"-large", large), large)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
}

// sendFrom posts from another address of this machine.
func sendFrom(ctx context.Context, address, url string, header http.Header, body []byte) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header = header
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, content}, err
}

// requireBombsRefused sends small bodies that decompress to much, where nobody says who sent them.
func (s *stack) requireBombsRefused(t *testing.T) {
	t.Helper()
	bomb := gzipped(t, make([]byte, strangersSent))
	header := http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}
	errs := make(chan error, 100)
	for range cap(errs) {
		go func() {
			a, err := send(http.MethodPost, s.base+"/unsigned", header, bomb)
			if err == nil && a.status != http.StatusRequestEntityTooLarge && a.status != http.StatusServiceUnavailable {
				err = fmt.Errorf("it was answered with %d", a.status)
			}
			errs <- err
		}()
	}
	var all []error
	for range cap(errs) {
		all = append(all, <-errs)
	}
	require.NoError(t, errors.Join(all...))
}

var (
	unverifiedLine = regexp.MustCompile(`(?m)^botgate_unverified_bytes (\S+)`)
	peakLine       = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB`)
)

// unverified is what the gateway says that it holds for strangers.
func (s *stack) unverified() int64 {
	s.t.Helper()
	a, err := send(http.MethodGet, "http://"+s.admin+"/metrics", nil, nil)
	require.NoError(s.t, err)
	match := unverifiedLine.FindSubmatch(a.body)
	require.NotNil(s.t, match)
	n, err := strconv.ParseFloat(string(match[1]), 64)
	require.NoError(s.t, err)
	return int64(n)
}

// peak is the most memory in bytes that the gateway's process has had resident so far; 0 where that is not known.
func (s *stack) peak() int {
	s.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.gateway.cmd.Process.Pid))
	if os.IsNotExist(err) {
		return 0
	}
	require.NoError(s.t, err)
	match := peakLine.FindSubmatch(status)
	require.NotNil(s.t, match)
	n, err := strconv.Atoi(string(match[1]))
	require.NoError(s.t, err)
	return n << 10
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, err := w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return compressed.Bytes()
}
