package limit

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/breaker"
	"github.com/botgate/botgate/internal/testsvc"
)

// short is a policy that falls back quickly.
var short = Policy{Budget: 100 * time.Millisecond, OnError: Local, Share: 1}

// sharedAgain waits until Redis decides.
func sharedAgain(t testing.TB, l *Limiter) {
	t.Helper()
	require.Eventually(t, func() bool {
		d, err := l.Take(t.Context(), short, []Take{take(newKey(), 1)}, nil)
		require.NoError(t, err)
		return !d.Degraded
	}, time.Minute, 20*time.Millisecond)
}

// requireLocal finds the limit kept, by this process alone.
func requireLocal(t *testing.T, l *Limiter, allowed int) {
	t.Helper()
	key := newKey()
	for i := range allowed + 1 {
		d, err := l.Take(t.Context(), short, []Take{take(key, 1)}, nil)
		require.NoError(t, err, "nobody gets an error")
		require.True(t, d.Degraded)
		require.Equal(t, i < allowed, d.Allowed, "request %d", i)
	}
}

func TestRedisUnavailable(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(*testsvc.Server) }{
		"killed": {(*testsvc.Server).Kill, (*testsvc.Server).Restart},
		"hung":   {(*testsvc.Server).Pause, (*testsvc.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testsvc.StartRedis(t)
			// The client's own timeouts are no help here: the budget has to be.
			l, log := newLimiter(t, server.URL+"?read_timeout=1m&dial_timeout=1m")
			sharedAgain(t, l)
			before := strings.Count(log.String(), "level=WARN")
			fault.begin(server)
			began := time.Now()
			requireLocal(t, l, 16)
			require.Less(t, time.Since(began), time.Minute, "the budget bounds the wait, not the client's timeouts")
			// On a busy machine Redis may have been slow before.
			require.Contains(t, []int{max(1, before), before + 1}, strings.Count(log.String(), "level=WARN"))
			fault.end(server)
			sharedAgain(t, l)
		})
	}
}

// TestBreakerLeavesAHungRedisAlone finds that only the first requests wait at all.
func TestBreakerLeavesAHungRedisAlone(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	l, _ := newLimiter(t, server.URL)
	sharedAgain(t, l)
	server.Pause()
	open := 0
	for range 100 {
		err := l.callShared(t.Context(), ask{budget: short.Budget, maxDelay: refuse}, []Take{take("k", 1)}, make([]Result, 1), make([]int, 1))
		require.Error(t, err)
		if errors.Is(err, breaker.ErrOpen) {
			open++
		}
	}
	require.GreaterOrEqual(t, open, 90)
	server.Resume()
	sharedAgain(t, l)
}

// TestSlowRedis puts a delay above the budget between the gateway and its Redis.
func TestSlowRedis(t *testing.T) {
	t.Parallel()
	l, _ := newLimiter(t, testsvc.StartDistant(t, testsvc.StartRedis(t).URL, 2*short.Budget).URL+"?dial_timeout=1m&read_timeout=1m")
	requireLocal(t, l, 16)
	d := decide(t, l, take(newKey(), 1))
	require.True(t, d.Degraded, "the breaker is open")
	require.Eventually(t, func() bool { return !decide(t, l, take(newKey(), 1)).Degraded }, time.Minute, 20*time.Millisecond,
		"a larger budget waits")
}

// TestDistantRedis is a Redis that answers within the budget, while a new connection, for
// which it is asked several times, takes longer.
func TestDistantRedis(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	l, _ := newLimiter(t, testsvc.StartDistant(t, server.URL, short.Budget*6/10).URL)
	sharedAgain(t, l)
	server.Restart()
	sharedAgain(t, l)
}

func TestRedisRestartedEmpty(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	l, _ := newLimiter(t, server.URL)
	used, refused := take(newKey(), 16), take(newKey(), 16)
	require.True(t, decide(t, l, used).Allowed)
	require.True(t, decide(t, l, refused).Allowed)
	require.False(t, decide(t, l, refused).Allowed)
	require.NoError(t, openRedis(t, server.URL).FlushAll(t.Context()).Err())
	server.Restart()
	sharedAgain(t, l)
	require.True(t, decide(t, l, used).Allowed, "what was counted is gone, scripts included, and nobody gets an error")
}

func TestFailover(t *testing.T) {
	t.Parallel()
	master := testsvc.StartRedis(t)
	replica := testsvc.StartRedisReplica(t, master)
	sentinel := testsvc.StartRedisSentinel(t, master)
	awaitReplica(t, master, sentinel)
	l, _ := newLimiter(t, "redis+sentinel://127.0.0.1:"+sentinel.Port()+"/0?master_name=main")
	sharedAgain(t, l)
	key := newKey()
	require.True(t, decide(t, l, take(key, 10)).Allowed)
	require.NoError(t, openRedis(t, master.URL).Do(t.Context(), "wait", 1, 10_000).Err())
	master.Kill()
	requireLocal(t, l, 16)
	sharedAgain(t, l)
	d := decide(t, l, take(key, 1))
	require.Equal(t, 5, d.Results[0].Remaining, "the replica knows what was counted")
	require.NotEmpty(t, replica.URL)
}

// awaitReplica waits until the sentinel has a replica to promote.
func awaitReplica(t *testing.T, master, sentinel *testsvc.Server) {
	t.Helper()
	watching := openRedis(t, sentinel.URL)
	require.Eventually(t, func() bool {
		known, err := watching.Do(t.Context(), "sentinel", "replicas", "main").Slice()
		if err != nil || len(known) != 1 {
			return false
		}
		n, err := openRedis(t, master.URL).Do(t.Context(), "wait", 1, 1000).Int()
		return err == nil && n == 1
	}, time.Minute, 100*time.Millisecond)
}

func TestClusterCountsAllZonesTogether(t *testing.T) {
	t.Parallel()
	one, two := testsvc.StartRedisNode(t), testsvc.StartRedisNode(t)
	joinCluster(t, one, two)
	for range 2 {
		l, _ := newLimiter(t, "redis+cluster://127.0.0.1:"+one.Port()+"?addr=127.0.0.1:"+two.Port())
		for range 8 {
			require.False(t, decide(t, l, take(newKey(), 1), take(newKey(), 1), take(newKey(), 1)).Degraded)
		}
		key := newKey()
		require.True(t, decide(t, l, take(key, 10), take(newKey(), 1)).Allowed)
		require.False(t, decide(t, l, take(key, 10), take(newKey(), 1)).Allowed)
	}
}

// joinCluster gives each node half of the slots and waits until they agree.
func joinCluster(t *testing.T, one, two *testsvc.Server) {
	t.Helper()
	a, b := openRedis(t, one.URL), openRedis(t, two.URL)
	require.NoError(t, a.ClusterAddSlotsRange(t.Context(), 0, 8191).Err())
	require.NoError(t, b.ClusterAddSlotsRange(t.Context(), 8192, 16383).Err())
	bus, err := b.ConfigGet(t.Context(), "cluster-port").Result()
	require.NoError(t, err)
	require.NoError(t, a.Do(t.Context(), "cluster", "meet", "127.0.0.1", two.Port(), bus["cluster-port"]).Err())
	for _, node := range []redis.UniversalClient{a, b} {
		require.Eventually(t, func() bool {
			info, err := node.Do(t.Context(), "cluster", "info").Text()
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:2")
		}, time.Minute, 50*time.Millisecond)
	}
}

func TestOnError(t *testing.T) {
	t.Parallel()
	l, _ := newLimiter(t, "redis://127.0.0.1:1")
	policy := short
	policy.Share = 0.25
	key := newKey()
	for i := range 6 {
		d, err := l.Take(t.Context(), policy, []Take{take(key, 1)}, nil)
		require.NoError(t, err)
		require.Equal(t, i < 4, d.Allowed, "a quarter of 16, request %d", i)
	}
	policy.OnError = Allow
	d, err := l.Take(t.Context(), policy, []Take{take(key, 1)}, nil)
	require.NoError(t, err)
	require.True(t, d.Allowed)
	require.False(t, d.Results[0].Known)
	policy.OnError = Deny
	_, err = l.Take(t.Context(), policy, []Take{take(key, 1)}, nil)
	require.ErrorIs(t, err, errStore)
	require.True(t, l.Defer(t.Context(), policy, []Take{take(key, 1)}, time.Hour).Degraded)
}

func TestClientThatLeftIsNoFault(t *testing.T) {
	t.Parallel()
	l, log := newLimiter(t, testsvc.Redis(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		d, err := l.Take(ctx, patient, []Take{take(newKey(), 1)}, nil)
		require.NoError(t, err)
		require.True(t, d.Allowed)
	}
	require.Zero(t, strings.Count(log.String(), "level="))
}
