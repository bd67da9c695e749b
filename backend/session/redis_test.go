package session_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testsvc"
)

func client(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	c, err := redisclient.Open(url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestRedisConformance(t *testing.T) {
	t.Parallel()
	run(t, testsvc.Redis(t))
}

func run(t *testing.T, url string) {
	t.Helper()
	conformance(t, func(t *testing.T) openEngine {
		prefix := "test:" + rand.Text() + ":"
		return func(t *testing.T) session.Engine { return session.NewRedis(client(t, url), prefix) }
	})
}

// TestRedisCluster has a node that knows to which slot each key belongs, and refuses scripts over
// several slots.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	node := testsvc.StartRedisNode(t)
	one := client(t, node.URL)
	require.NoError(t, one.ClusterAddSlotsRange(t.Context(), 0, 16383).Err())
	require.Eventually(t, func() bool {
		info, err := one.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	}, time.Minute, 20*time.Millisecond)
	run(t, "redis+cluster"+strings.TrimSuffix(strings.TrimPrefix(node.URL, "redis"), "/0"))
}

// TestRedisNothingStays shows that Redis ends sessions, and what lists them, by itself.
func TestRedisNothingStays(t *testing.T) {
	t.Parallel()
	c, prefix := client(t, testsvc.Redis(t)), "test:"+rand.Text()+":"
	e := session.NewRedis(c, prefix)
	now := time.Now()
	for n, life := range []time.Duration{30 * time.Millisecond, time.Hour, 20 * time.Millisecond} {
		bot := string(rune('a' + n))
		next := &session.Session{Key: session.Key{Bot: bot, User: "42"}, Version: bot, UpdatedAt: now, ExpiresAt: now.Add(life)}
		require.NoError(t, e.Store(t.Context(), next, ""))
	}
	require.Eventually(t, func() bool {
		return c.Exists(t.Context(), prefix+"{42}:a", prefix+"{42}:c").Val() == 0
	}, time.Minute, 5*time.Millisecond)
	require.EqualValues(t, 1, c.Exists(t.Context(), prefix+"{42}:b").Val())
	require.Greater(t, c.TTL(t.Context(), prefix+"{42}").Val(), 50*time.Minute, "it lists b")

	require.NoError(t, e.Remove(t.Context(), session.Key{Bot: "b", User: "42"}, "b"))
	require.NoError(t, e.RemoveUser(t.Context(), "42"))
	keys, err := c.Keys(t.Context(), prefix+"*").Result()
	require.NoError(t, err)
	require.Empty(t, keys)
}

// TestRedisAnswerLost has the same write come twice, as a client sends it whose connection broke.
func TestRedisAnswerLost(t *testing.T) {
	t.Parallel()
	e := session.NewRedis(client(t, testsvc.Redis(t)), "test:"+rand.Text()+":")
	now := time.Now()
	next := &session.Session{Key: session.Key{Bot: "a", User: "42"}, Version: "v1", UpdatedAt: now, ExpiresAt: now.Add(time.Hour)}
	require.NoError(t, e.Store(t.Context(), next, ""))
	require.NoError(t, e.Store(t.Context(), next, ""))
}

func TestRedisUnreachable(t *testing.T) {
	t.Parallel()
	e := session.NewRedis(client(t, "redis://127.0.0.1:1?max_retries=-1"), "test:")
	require.ErrorIs(t, e.Ready(t.Context()), session.ErrUnavailable)
	_, err := e.Load(t.Context(), session.Key{Bot: "a", User: "b"}, time.Now())
	require.ErrorIs(t, err, session.ErrUnavailable)
}

// TestRedisHung has a Redis that takes connections and answers nothing, and a client that would wait for hours.
func TestRedisHung(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	c := client(t, server.URL+"?read_timeout=1h&max_retries=-1")
	require.NoError(t, c.Ping(t.Context()).Err())
	server.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, key := session.NewRedis(c, "test:"), session.Key{Bot: "a", User: "b"}
	for name, call := range map[string]func() error{
		"load":   func() error { _, err := e.Load(ctx, key, time.Now()); return err },
		"store":  func() error { return e.Store(ctx, &session.Session{Key: key, Version: "v"}, "") },
		"remove": func() error { return e.Remove(ctx, key, "v") },
		"list":   func() error { _, err := e.Bots(ctx, "b"); return err },
		"erase":  func() error { return e.RemoveUser(ctx, "b") },
		"ready":  func() error { return e.Ready(ctx) },
	} {
		require.ErrorIs(t, call(), session.ErrUnavailable, name)
		require.NoError(t, ctx.Err(), "%s ends by itself", name)
	}
}
