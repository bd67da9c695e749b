// Package load sends requests over connections that are kept open, each of which sends the next
// request when it has the answer to the last one.
package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Config says what to send where.
type Config struct {
	// Address is host:port.
	Address string
	// Requests are sent in turn, as they are; each connection begins with another one.
	Requests [][]byte
	// Connections is how many requests are under way at once.
	Connections int
	// Duration is how long requests begin; those under way then are waited for.
	Duration time.Duration
	// Accepted is the status of the answer that is expected.
	Accepted int
	// Timeout bounds the wait for one answer; 10 s by default.
	Timeout time.Duration
}

// Result is what came of it.
type Result struct {
	// Took is the time from the first request to the last answer.
	Took time.Duration
	// Latencies are those of the expected answers, the shortest first.
	Latencies []time.Duration
	// Unexpected counts other answers, by status.
	Unexpected map[int]int
}

const defaultTimeout = 10 * time.Second

// Run sends until the duration is over. A connection that breaks is an error, since nobody
// knows what became of its request.
func Run(ctx context.Context, config Config) (Result, error) {
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	senders := make([]*sender, config.Connections)
	for n := range senders {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", config.Address)
		if err != nil {
			return Result{}, fmt.Errorf("connecting: %w", err)
		}
		defer func() { _ = conn.Close() }()
		senders[n] = &sender{
			Config: config, conn: conn, reader: bufio.NewReader(conn),
			next: n * len(config.Requests) / config.Connections, unexpected: map[int]int{},
		}
	}
	start := time.Now()
	ctx, cancel := context.WithDeadline(ctx, start.Add(config.Duration))
	defer cancel()
	var group sync.WaitGroup
	for _, s := range senders {
		group.Go(func() { s.run(ctx) })
	}
	group.Wait()
	return join(senders, time.Since(start))
}

// Once sends one request over a connection of its own and returns the answer's status.
func Once(ctx context.Context, address string, request []byte) (status int, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, fmt.Errorf("connecting: %w", err)
	}
	defer func() { _ = conn.Close() }()
	s := &sender{Config: Config{Timeout: defaultTimeout}, conn: conn, reader: bufio.NewReader(conn)}
	status, err = s.send(request, time.Now())
	if errors.Is(err, errClosing) {
		err = nil
	}
	return status, err
}

func join(senders []*sender, took time.Duration) (Result, error) {
	all := Result{Took: took, Unexpected: map[int]int{}}
	for _, s := range senders {
		if s.err != nil {
			return Result{}, fmt.Errorf("a connection broke: %w", s.err)
		}
		all.Latencies = append(all.Latencies, s.latencies...)
		for status, n := range s.unexpected {
			all.Unexpected[status] += n
		}
	}
	slices.Sort(all.Latencies)
	return all, nil
}

// sender is one connection.
type sender struct {
	Config
	conn       net.Conn
	reader     *bufio.Reader
	next       int
	latencies  []time.Duration
	unexpected map[int]int
	err        error
}

func (s *sender) run(ctx context.Context) {
	for ctx.Err() == nil {
		start := time.Now()
		status, err := s.send(s.Requests[s.next%len(s.Requests)], start)
		if err != nil {
			s.err = err
			return
		}
		s.next++
		if status != s.Accepted {
			s.unexpected[status]++
			continue
		}
		s.latencies = append(s.latencies, time.Since(start))
	}
}

func (s *sender) send(request []byte, now time.Time) (status int, err error) {
	if err := s.conn.SetDeadline(now.Add(s.Timeout)); err != nil {
		return 0, fmt.Errorf("setting a deadline: %w", err)
	}
	if _, err := s.conn.Write(request); err != nil {
		return 0, fmt.Errorf("sending a request: %w", err)
	}
	return readAnswer(s.reader)
}
