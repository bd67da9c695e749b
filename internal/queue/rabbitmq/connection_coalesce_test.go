package rabbitmq

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const testLimit = 1 << 10

// socket is a connection that notes its writes, each of which waits for a permit.
type socket struct {
	net.Conn
	permits chan error

	mu     sync.Mutex
	writes [][]byte
	closed chan struct{}
	once   sync.Once
}

func newSocket() *socket {
	return &socket{permits: make(chan error, 1024), closed: make(chan struct{})}
}

func (s *socket) Write(p []byte) (int, error) {
	select {
	case err := <-s.permits:
		if err != nil {
			return 0, err
		}
	case <-s.closed:
		return 0, net.ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, bytes.Clone(p))
	return len(p), nil
}

func (s *socket) SetWriteDeadline(at time.Time) error {
	time.AfterFunc(time.Until(at), func() { _ = s.Close() })
	return nil
}

func (s *socket) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *socket) written() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

func TestCoalescedWritesAreFewAndInOrder(t *testing.T) {
	t.Parallel()
	s := newSocket()
	c := coalesceWrites(s, testLimit)
	var want []byte
	for i := range 100 {
		p := []byte{byte(i), byte(i)}
		want = append(want, p...)
		n, err := c.Write(p)
		require.NoError(t, err)
		require.Equal(t, 2, n)
		p[0] = 255 // The caller may use its slice again.
	}
	s.permits <- nil // For what the flusher took early.
	s.permits <- nil // For all the rest.
	require.NoError(t, c.Close())
	require.Equal(t, want, bytes.Join(s.written(), nil))
	require.LessOrEqual(t, len(s.written()), 2)
}

func TestCoalescedConcurrentWritesStayWhole(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	c := coalesceWrites(client, testLimit)
	const callers, each, size = 16, 200, 7
	received := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(server)
		received <- all
	}()
	var group sync.WaitGroup
	for n := range callers {
		group.Go(func() {
			for range each {
				_, err := c.Write(bytes.Repeat([]byte{byte(n)}, size))
				require.NoError(t, err)
			}
		})
	}
	group.Wait()
	require.NoError(t, c.Close())
	all := <-received
	require.Len(t, all, callers*each*size)
	for part := range chunks(all, size) {
		require.Equal(t, bytes.Repeat(part[:1], size), part)
	}
}

func chunks(b []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for ; len(b) > 0 && yield(b[:size]); b = b[size:] {
		}
	}
}

func TestCoalescedErrorIsSticky(t *testing.T) {
	t.Parallel()
	s := newSocket()
	c := coalesceWrites(s, testLimit)
	broken := errors.New("broken pipe")
	s.permits <- broken
	_, err := c.Write([]byte("lost"))
	require.NoError(t, err)
	<-s.closed // Reads end at once, too.
	require.Eventually(t, func() bool {
		_, err := c.Write([]byte("late"))
		return errors.Is(err, broken)
	}, time.Minute, time.Millisecond)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
}

func TestCoalescedBufferIsBounded(t *testing.T) {
	t.Parallel()
	s := newSocket()
	c := coalesceWrites(s, testLimit)
	_, err := c.Write([]byte("taken by the flusher, which waits"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.buffer) == 0
	}, time.Minute, time.Millisecond)
	_, err = c.Write(make([]byte, testLimit))
	require.NoError(t, err)
	blocked := make(chan error, 1)
	go func() {
		_, err := c.Write([]byte("x"))
		blocked <- err
	}()
	select {
	case err := <-blocked:
		require.Failf(t, "a full buffer took more", "error: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	for range 3 {
		s.permits <- nil
	}
	require.NoError(t, <-blocked)
	require.NoError(t, c.Close())
}

// A message of the largest size is taken although the peer reads nothing.
func TestCoalescingTakesTheLargestMessage(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 40 << 20} {
		config := Config{MaxMessage: size}.withDefaults()
		c := coalesceWrites(newSocket(), config.inFlightLimit()+bufferSlack)
		taken := make(chan struct{})
		go func() {
			defer close(taken)
			const body, frame = 128<<10 - 8, 128 << 10
			for left := config.MaxMessage + inFlightOverhead; left > 0; left -= body {
				if _, err := c.Write(make([]byte, frame)); err != nil {
					t.Error(err)
				}
			}
		}()
		select {
		case <-taken:
		case <-time.After(time.Minute):
			require.Fail(t, "a publisher waits for the socket")
		}
		require.NoError(t, c.Close())
	}
}

func TestCoalescedCloseDoesNotHang(t *testing.T) {
	t.Parallel()
	s := newSocket() // Its peer reads nothing.
	c := coalesceWrites(s, testLimit)
	_, err := c.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, err = c.Write([]byte("x"))
	require.Error(t, err)
}
