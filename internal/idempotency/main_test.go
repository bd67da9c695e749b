package idempotency

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

// patient are terms for tests that are about neither time nor a slow machine.
var patient = Terms{Window: time.Hour, Lease: time.Hour, Budget: 20 * time.Second}

// logBuffer collects log lines of several goroutines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.buf.String(), text)
}

// newStore starts a store over the Redis, or in this process for an empty URL.
func newStore(t testing.TB, url string) (*Store, *logBuffer) {
	t.Helper()
	log := new(logBuffer)
	c := Config{MaxKeys: 10_000, Logger: slog.New(slog.NewTextHandler(log, nil)), OnDegraded: func(bool) {}}
	if url != "" {
		client, err := redisclient.Open(url)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, client.Close()) })
		c.Client = client
	}
	s := New(c)
	t.Cleanup(s.Close)
	return s, log
}

// onBoth runs a test in this process and over Redis, there with two gateways.
func onBoth(t *testing.T, test func(t *testing.T, one, other *Store)) {
	t.Helper()
	t.Run("process", func(t *testing.T) {
		t.Parallel()
		s, _ := newStore(t, "")
		test(t, s, s)
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		one, log := newStore(t, testsvc.Redis(t))
		other, _ := newStore(t, testsvc.Redis(t))
		test(t, one, other)
		require.Zero(t, log.count("level=WARN"), "Redis decided")
	})
}

func newKey() Key { return KeyOf("bot", "user:alice", uuid.NewString()) }

var (
	body    = FingerprintOf("command", []byte(`{"command":"/x"}`))
	another = FingerprintOf("command", []byte(`{"command":"/y"}`))
	answer  = Answer{Status: 202, Location: "/v1/events/1", Body: []byte("{\"id\":\"1\"}\n\n")}
)
