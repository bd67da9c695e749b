package rabbitmq_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

// A broker that cancels a consumer, as RabbitMQ 4.3 does when a delivery was held for too long, has
// that queue consumed anew, and only that.
func TestCancelledConsumer(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	wire := tap(t, address)
	logged := &logBuffer{}
	config := rabbitmq.Config{URL: wire.url, Prefix: prefix, Logger: slog.New(slog.NewTextHandler(logged, nil))}
	q := openReady(t, config)
	bots := queue.Bots{"bot": 1, "other": 1}
	c, err := q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{Bots: bots})
	require.NoError(t, err)
	e, other := newEvent(t, "key"), newEvent(t, "key")
	other.Bot = "other"
	require.NoError(t, q.Publish(t.Context(), other))
	held := receiveOne(t, c)
	require.NoError(t, q.Publish(t.Context(), e))
	cancelled := receiveOne(t, c)
	require.Equal(t, e.ID, cancelled.Event.ID)

	wire.cancelConsumer(t, prefix+".bot.bot")
	logged.await(t, "level=WARN", "consuming was interrupted", prefix+".bot.bot", "consumer_timeout")
	require.NoError(t, c.Ack(t.Context(), held), "the other queue's channel lives")
	require.NoError(t, c.Ack(t.Context(), cancelled), "it is still this consumer's")
	next := newEvent(t, "key")
	require.NoError(t, q.Publish(t.Context(), next))
	require.Equal(t, next.ID, receiveOne(t, c).Event.ID, "and what it had is not handed out again")
	require.False(t, logged.has("no connection to the queue"))
	require.False(t, logged.has("consuming was interrupted", prefix+".bot.other"))
}

// wiretap passes on what a client and the broker say, and knows who consumes what.
type wiretap struct {
	url string

	mu        sync.Mutex
	consumers map[string]consumerOn // By queue.
}

// consumerOn is where to reach a consumer.
type consumerOn struct {
	conn    *tapped
	channel uint16
	tag     string
}

// tapped is the client's side of a connection, which takes whole frames.
type tapped struct {
	mu sync.Mutex
	net.Conn
}

func (c *tapped) send(frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.Write(frame)
	return err
}

func tap(t *testing.T, address string) *wiretap {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := u.Host
	u.Host = listener.Addr().String()
	w := &wiretap{url: u.String(), consumers: map[string]consumerOn{}}
	var group sync.WaitGroup
	t.Cleanup(group.Wait)
	t.Cleanup(func() { _ = listener.Close() })
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			broker, err := new(net.Dialer).DialContext(t.Context(), "tcp", server)
			if err != nil {
				_ = conn.Close()
				continue
			}
			client := &tapped{Conn: conn}
			group.Go(func() { w.fromClient(client, broker) })
			group.Go(func() { fromBroker(client, broker) })
		}
	})
	return w
}

const (
	header     = 7 // Of a frame: its type, channel and size.
	method     = 1 // The type of a frame with a method.
	basicClass = 60
)

// fromClient notes each basic.consume.
func (w *wiretap) fromClient(client *tapped, broker net.Conn) {
	defer func() { _, _ = client.Close(), broker.Close() }()
	protocol := make([]byte, 8)
	if _, err := io.ReadFull(client, protocol); err != nil {
		return
	}
	frame := protocol
	for err := error(nil); err == nil; frame, err = readFrame(client) {
		body := frame[min(header, len(frame)):]
		if frame[0] == method && bytes.HasPrefix(body, []byte{0, basicClass, 0, 20}) {
			name, rest := shortString(body[6:])
			tag, _ := shortString(rest)
			w.mu.Lock()
			w.consumers[name] = consumerOn{client, binary.BigEndian.Uint16(frame[1:]), tag}
			w.mu.Unlock()
		}
		if _, err := broker.Write(frame); err != nil {
			return
		}
	}
}

func fromBroker(client *tapped, broker net.Conn) {
	defer func() { _, _ = client.Close(), broker.Close() }()
	for {
		frame, err := readFrame(broker)
		if err != nil || client.send(frame) != nil {
			return
		}
	}
}

func readFrame(from io.Reader) ([]byte, error) {
	frame := make([]byte, header)
	if _, err := io.ReadFull(from, frame); err != nil {
		return nil, err
	}
	frame = append(frame, make([]byte, binary.BigEndian.Uint32(frame[3:])+1)...)
	_, err := io.ReadFull(from, frame[header:])
	return frame, err
}

func shortString(b []byte) (s string, rest []byte) { return string(b[1 : 1+b[0]]), b[1+b[0]:] }

// cancelConsumer tells a consumer basic.cancel, without a wish for an answer.
func (w *wiretap) cancelConsumer(t *testing.T, name string) {
	t.Helper()
	w.mu.Lock()
	on, known := w.consumers[name]
	w.mu.Unlock()
	require.True(t, known)
	body := append([]byte{0, basicClass, 0, 30, byte(len(on.tag))}, on.tag...)
	body = append(body, 1)
	frame := binary.BigEndian.AppendUint16([]byte{method}, on.channel)
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(body)))
	require.NoError(t, on.conn.send(append(append(frame, body...), 0xCE)))
}

// A delivery that is held for longer than the broker allows costs nobody else anything, and stays with
// who works on it. RabbitMQ closes the channel for that, from 4.3 on it cancels the consumer.
func consumerTimeout(t *testing.T, server *testsvc.Server) {
	set := func(name string, ms int) {
		server.Rabbitmqctl("eval", fmt.Sprintf("application:set_env(rabbit, %s, %d).", name, ms))
	}
	set("consumer_timeout", 1000)
	set("channel_tick_interval", 500)
	t.Cleanup(func() {
		set("consumer_timeout", 1_800_000)
		set("channel_tick_interval", 60_000)
	})
	logged := &logBuffer{}
	q := openReady(t, rabbitmq.Config{
		URL: server.URL, Prefix: "botgate.timeout", Logger: slog.New(slog.NewTextHandler(logged, nil)),
	})
	c, err := q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{Bots: queue.Bots{"bot": 1, "other": 1}})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return q.Publish(t.Context(), newEvent(t, "key")) == nil
	}, patience, 50*time.Millisecond)
	held := receiveOne(t, c)
	logged.await(t, "level=WARN", "consuming was interrupted", "botgate.timeout.bot.bot", "consumer_timeout")
	require.NoError(t, c.Ack(t.Context(), held))
	next := newEvent(t, "key")
	require.NoError(t, q.Publish(t.Context(), next))
	require.Equal(t, next.ID, receiveOne(t, c).Event.ID)
	require.False(t, logged.has("no connection to the queue"))
}
