package botlimit

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

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

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// decide lets the store decide about one request of the key.
func decide(t *testing.T, s *store, key string) (allowed int, degraded bool) {
	t.Helper()
	r := s.begin(t.Context())
	defer r.end()
	result, degraded, err := r.allow(key, slow)
	require.NoError(t, err)
	return result.Allowed, degraded
}

func TestRedisAway(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(*testsvc.Server) }{
		"killed": {(*testsvc.Server).Kill, (*testsvc.Server).Restart},
		"hung":   {(*testsvc.Server).Pause, (*testsvc.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testsvc.StartRedis(t)
			var log logBuffer
			s := newStore(openRedis(t, server.URL+"?read_timeout=1m&dial_timeout=1m"), &local{memory: newMemory(t)}, 100*time.Millisecond, log.logger())
			shared := func() bool {
				_, degraded := decide(t, s, "probe")
				return !degraded
			}
			require.Eventually(t, shared, 20*time.Second, 10*time.Millisecond)

			fault.begin(server)
			began := time.Now()
			for range 16 {
				allowed, degraded := decide(t, s, "user")
				require.Equal(t, 1, allowed, "the local allowance is the whole one")
				require.True(t, degraded)
			}
			allowed, _ := decide(t, s, "user")
			require.Equal(t, 0, allowed, "limits are kept without Redis")
			require.Less(t, time.Since(began), time.Minute, "the budget bounds the wait, not the client's timeouts")
			require.Equal(t, 1, log.count("level=WARN"))

			fault.end(server)
			require.Eventually(t, shared, 20*time.Second, 10*time.Millisecond)
		})
	}
}

// TestZonesShareTheBudget makes sure that a request waits for a hung Redis once.
func TestZonesShareTheBudget(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	var log logBuffer
	s := newStore(openRedis(t, server.URL), &local{memory: newMemory(t)}, 50*time.Millisecond, log.logger())
	server.Pause()
	r := s.begin(t.Context())
	defer r.end()
	for range 3 {
		_, degraded, err := r.allow("zone", slow)
		require.NoError(t, err)
		require.True(t, degraded)
		require.False(t, r.useRedis)
	}
	server.Resume()
}

func TestClientThatLeftIsNoFault(t *testing.T) {
	t.Parallel()
	var log logBuffer
	s := newStore(openRedis(t, testsvc.Redis(t)), &local{memory: newMemory(t)}, time.Second, log.logger())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := s.begin(ctx)
	defer r.end()
	result, _, err := r.allow("user", slow)
	require.NoError(t, err)
	require.Equal(t, 1, result.Allowed)
	require.False(t, s.health.degraded.Load())
	require.Zero(t, log.count("level="))
}

func TestHealthIsLoggedOncePerChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		var h health
		logger := log.logger()
		h.ok(logger)
		require.Zero(t, log.count("level="))
		for range 100 {
			h.failed(logger, errors.New("i/o timeout"))
			<-time.After(time.Second)
			h.ok(logger)
		}
		require.Equal(t, 1, log.count("level=WARN"))
		require.Zero(t, log.count("level=INFO"), "a Redis on the edge is not well")
		<-time.After(calmFor)
		h.ok(logger)
		h.ok(logger)
		require.Equal(t, 1, log.count("level=INFO"))
	})
}

func TestHashKey(t *testing.T) {
	t.Parallel()
	key := hashKey("user", "ada@example.org")
	require.Regexp(t, `^user:[A-Za-z0-9_-]{22}$`, key)
	require.Equal(t, key, hashKey("user", "ada@example.org"), "all gateways agree")
	require.NotEqual(t, key, hashKey("user", "bob@example.org"))
}
