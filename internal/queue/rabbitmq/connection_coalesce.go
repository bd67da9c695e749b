package rabbitmq

import (
	"net"
	"runtime"
	"sync"
	"time"
)

const (
	// bufferSlack is for what is written in addition to messages in flight: acks,
	// heartbeats, frame headers and what TLS adds.
	bufferSlack = 1 << 20
	// maxSpare is the largest buffer that is kept for reuse.
	maxSpare = 1 << 20
	// flushTimeout bounds how long Close waits for a peer that does not read.
	flushTimeout = time.Second
)

// coalescedConn does write coalescing: it joins the small writes of concurrent callers into few
// writes to the socket, which costs the broker and us far less. A write returns once it is buffered; an error of the
// socket is returned by later writes and by all reads.
type coalescedConn struct {
	net.Conn
	// limit bounds what waits for the socket.
	limit int

	mu     sync.Mutex
	change sync.Cond // More to write, more room, or closed.
	buffer []byte
	err    error
	closed bool

	flushed chan struct{}
}

// coalesceWrites takes a connection over. With a limit of bufferSlack above
// [Config.inFlightLimit], publishers do not wait here for the socket but for the in-flight
// budget, where their context bounds the wait. The exception is a dead letter beyond
// [Config.MaxMessage], which waits here until the broker reads on or misses its heartbeat.
func coalesceWrites(conn net.Conn, limit int) *coalescedConn {
	c := &coalescedConn{Conn: conn, limit: limit, flushed: make(chan struct{})}
	c.change.L = &c.mu
	go c.flush()
	return c
}

// Write buffers p. It waits only while the buffer is full.
func (c *coalescedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.buffer) >= c.limit && c.err == nil && !c.closed {
		c.change.Wait()
	}
	switch {
	case c.err != nil:
		return 0, c.err
	case c.closed:
		return 0, net.ErrClosed
	}
	if len(c.buffer) == 0 {
		defer c.change.Broadcast()
	}
	c.buffer = append(c.buffer, p...)
	return len(p), nil
}

// Close flushes the buffer, as far as the peer reads it in time.
func (c *coalescedConn) Close() error {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	if first {
		// A deadline that cannot be set is that of a socket that is closed already.
		_ = c.SetWriteDeadline(time.Now().Add(flushTimeout))
		c.change.Broadcast()
	}
	<-c.flushed
	return c.Conn.Close()
}

// flush owns the socket's write side until the end.
func (c *coalescedConn) flush() {
	defer close(c.flushed)
	var spare []byte
	for c.await() {
		// Callers that are ready to run come first: what they write joins this write. Where
		// nobody is, this costs nothing.
		runtime.Gosched()
		batch := c.take(spare)
		if _, err := c.Conn.Write(batch); err != nil {
			c.fail(err)
			return
		}
		spare = batch[:0]
		if cap(spare) > maxSpare {
			spare = nil
		}
	}
}

// await waits for something to write. It reports false when the connection is closed and all is
// written.
func (c *coalescedConn) await() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.buffer) == 0 && !c.closed {
		c.change.Wait()
	}
	return len(c.buffer) > 0
}

// take returns what is to be written, leaving spare as the new buffer.
func (c *coalescedConn) take(spare []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	batch := c.buffer
	c.buffer = spare
	if len(batch) >= c.limit {
		c.change.Broadcast()
	}
	return batch
}

// fail also ends the reads, so that the connection is found dead at once.
func (c *coalescedConn) fail(err error) {
	c.mu.Lock()
	c.err, c.buffer = err, nil
	c.mu.Unlock()
	c.change.Broadcast()
	_ = c.Conn.Close()
}
