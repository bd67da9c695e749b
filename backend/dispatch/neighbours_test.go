package dispatch

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/open/opentest"
)

const patience = time.Minute

// TestNeighbours has bots beside a healthy one that do not get done with anything: its events all
// arrive, in order, while the others stay as they are; and once they are well, theirs do, too.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	for engine, open := range map[string]func(*testing.T) queue.Queue{"sqlite": opentest.File, "rabbitmq": openBroker} {
		for name, ills := range map[string][]string{
			"hangs": {"hangs"}, "503": {"503"}, "refuses": {"refuses"}, "drips": {"drips"},
			"each": {"hangs", "503", "refuses", "drips"}, "four hang": {"hangs", "hangs", "hangs", "hangs"},
		} {
			t.Run(engine+"/"+name, func(t *testing.T) {
				t.Parallel()
				neighbours(t, open(t), ills, 0)
			})
		}
	}
	t.Run("sqlite/more waits than is held", func(t *testing.T) {
		t.Parallel()
		neighbours(t, opentest.File(t), []string{"refuses", "refuses"}, keys)
	})
}

func neighbours(t *testing.T, q queue.Queue, ills []string, prefetch int) {
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	require.Eventually(t, func() bool { return q.Ready(t.Context()) == nil }, patience, 10*time.Millisecond)
	healthy := newIllBot(t, "")
	all := []*illBot{healthy}
	set := bots.Set{"healthy": healthy.bot("healthy")}
	for i, ill := range ills {
		b := newIllBot(t, ill)
		all = append(all, b)
		set[fmt.Sprint("ill-", i)] = b.bot(fmt.Sprint("ill-", i))
	}
	d, err := New(Config{Queue: q, Bots: set, Prefetch: prefetch})
	require.NoError(t, err)
	stop := running(t, d)
	for i := range ills {
		publish(t, q, eventsOf(fmt.Sprint("ill-", i)))
	}
	for _, ill := range all[1:] {
		require.Eventually(t, func() bool { return ill.asked.Load() > 0 }, patience, 5*time.Millisecond)
	}
	publish(t, q, eventsOf("healthy"))
	healthy.requireAll(t)
	for _, ill := range all[1:] {
		require.Empty(t, ill.got())
		ill.cure()
	}
	for _, ill := range all[1:] {
		ill.requireAll(t)
	}
	require.NoError(t, stop())
}

// TestBackOnEachEngine: probes never become rare, so a bot that was down for long is not back for long
// until it gets its events. With pauses that double, as many probes would take minutes.
func TestBackOnEachEngine(t *testing.T) {
	t.Parallel()
	for engine, open := range map[string]func(*testing.T) queue.Queue{"sqlite": opentest.File, "rabbitmq": openBroker} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			q := open(t)
			t.Cleanup(func() { require.NoError(t, q.Close()) })
			require.Eventually(t, func() bool { return q.Ready(t.Context()) == nil }, patience, 10*time.Millisecond)
			ill := newIllBot(t, "503")
			d, err := New(Config{Queue: q, Bots: bots.Set{"ill-0": ill.bot("ill-0")}})
			require.NoError(t, err)
			stop := running(t, d)
			publish(t, q, eventsOf("ill-0"))
			gate := d.target("ill-0").gate
			require.Eventually(t, func() bool { _, alone := d.slots.leavesAlone(gate); return alone }, patience, time.Millisecond)
			before := ill.asked.Load()
			require.Eventually(t, func() bool { return ill.asked.Load() >= before+8 }, patience, 5*time.Millisecond)
			began := time.Now()
			ill.cure()
			ill.requireAll(t)
			t.Logf("all %d events within %s of the bot's return", keys*perKey, time.Since(began))
			require.NoError(t, stop())
		})
	}
}

// publish publishes events in their order, again where a busy broker did not confirm one.
func publish(t *testing.T, q queue.Queue, events []*event.Event) {
	t.Helper()
	for _, e := range events {
		require.Eventually(t, func() bool { return q.Publish(t.Context(), e) == nil }, patience, 10*time.Millisecond)
	}
}

const keys, perKey = 25, 2

// eventsOf are a few events for each of many order keys.
func eventsOf(name string) (events []*event.Event) {
	for n := range perKey {
		for key := range keys {
			e := newEvent(fmt.Sprintf("%s-%d-%d", name, key, n))
			e.Bot, e.OrderKey = name, fmt.Sprint(key)
			events = append(events, e)
		}
	}
	return events
}

// illBot is a bot that answers nothing of use until it is cured.
type illBot struct {
	ill     string
	address string
	asked   atomic.Int32
	cured   chan struct{}
	done    chan struct{} // The test is over.

	mu  sync.Mutex
	ids []string
}

func newIllBot(t *testing.T, ill string) *illBot {
	b := &illBot{ill: ill, cured: make(chan struct{}), done: make(chan struct{})}
	if ill == "" {
		close(b.cured)
	}
	if ill == "refuses" {
		b.address = "http://127.0.0.1:1"
		b.asked.Store(1)
		return b
	}
	b.address = bot(t, b.serve)
	t.Cleanup(func() { close(b.done) }) // Before the server is closed.
	return b
}

func (b *illBot) bot(name string) bots.Bot {
	return bots.Bot{Name: name, URL: b.address, AllowPrivate: true, Secrets: []string{secretOf(name)}, Timeout: patience}
}

func (b *illBot) isCured() bool {
	select {
	case <-b.cured:
		return true
	default:
		return false
	}
}

// cure lets it answer, also what it was asked before.
func (b *illBot) cure() {
	if b.ill == "refuses" {
		return
	}
	close(b.cured)
}

func (b *illBot) serve(w http.ResponseWriter, r *http.Request) {
	b.asked.Add(1)
	if !b.isCured() && !b.suffer(w) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ids = append(b.ids, r.Header.Get("ce-id"))
}

// suffer reports whether it can answer after all.
func (b *illBot) suffer(w http.ResponseWriter) bool {
	switch b.ill {
	case "503":
		w.WriteHeader(http.StatusServiceUnavailable)
		return false
	case "drips":
		b.drip(w)
		return false
	}
	select {
	case <-b.cured:
		return true
	case <-b.done:
		return false
	}
}

// drip sends a byte of an answer each second, and breaks off when it is cured.
func (b *illBot) drip(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for _, c := range []byte("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1000)) {
		select {
		case <-ticker.C:
		case <-b.cured:
			return
		case <-b.done:
			return
		}
		if _, err := conn.Write([]byte{c}); err != nil {
			return
		}
	}
}

func (b *illBot) got() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.ids...)
}

// requireAll waits for all events and checks the order of each key.
func (b *illBot) requireAll(t *testing.T) {
	t.Helper()
	if b.ill == "refuses" {
		return
	}
	require.Eventually(t, func() bool { return len(b.got()) >= keys*perKey }, patience, 5*time.Millisecond)
	next := map[string]int{}
	for _, id := range b.got() {
		parts := strings.Split(id, "-")
		key, n := parts[len(parts)-2], parts[len(parts)-1]
		require.Equal(t, strconv.Itoa(next[key]), n, "order of key %s", key)
		next[key]++
	}
}

func openBroker(t *testing.T) queue.Queue {
	queues := []string{"bot.healthy"}
	for n := range 4 {
		queues = append(queues, "bot.ill-"+strconv.Itoa(n))
	}
	return opentest.Broker(t, queues...)
}
