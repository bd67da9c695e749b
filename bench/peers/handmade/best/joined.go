package main

import (
	"net"
	"sync"
)

// maxJoined bounds what waits for the write under way, in bytes.
const maxJoined = 1 << 20

// joined is a connection that joins what is written while a write is under way.
type joined struct {
	net.Conn
	mu      sync.Mutex
	changed sync.Cond
	waiting []byte
	err     error
}

func join(conn net.Conn) *joined {
	j := &joined{Conn: conn}
	j.changed.L = &j.mu
	go j.flush() // Until a write fails, as one does once the connection is closed.
	return j
}

// Write returns at once; what fails then is the error of a later call.
func (j *joined) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.waiting) > maxJoined && j.err == nil {
		j.changed.Wait()
	}
	if j.err != nil {
		return 0, j.err
	}
	j.waiting = append(j.waiting, p...)
	j.changed.Broadcast()
	return len(p), nil
}

// Close implements [net.Conn].
func (j *joined) Close() error {
	err := j.Conn.Close()
	j.fail(net.ErrClosed)
	return err
}

func (j *joined) flush() {
	var spare []byte
	for {
		j.mu.Lock()
		for len(j.waiting) == 0 && j.err == nil {
			j.changed.Wait()
		}
		if j.err != nil {
			j.mu.Unlock()
			return
		}
		now := j.waiting
		j.waiting = spare[:0]
		j.changed.Broadcast()
		j.mu.Unlock()
		if _, err := j.Conn.Write(now); err != nil {
			j.fail(err)
			return
		}
		spare = now
	}
}

func (j *joined) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
	j.changed.Broadcast()
}
