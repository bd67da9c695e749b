package lockout

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

var threeTimes = Config{Failures: 3, Window: caddy.Duration(time.Minute), Duration: caddy.Duration(10 * time.Minute)}

func acquire(t testing.TB, name string, c Config, client redis.UniversalClient) *Guard {
	t.Helper()
	g, err := Acquire(name, c, client, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Release()) })
	return g
}

// patient has the guard wait for a Redis on a busy machine.
func patient(g *Guard) *Guard {
	g.budget = time.Minute
	return g
}

func connect(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	client, err := redisclient.Open(url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

func requireLocked(t *testing.T, want bool, g *Guard, key string) {
	t.Helper()
	left, locked := g.Locked(key)
	require.Equal(t, want, locked)
	if want {
		require.Greater(t, left, 9*time.Minute)
		require.LessOrEqual(t, left, 10*time.Minute)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]func(*testing.T) redis.UniversalClient{
		"memory": func(*testing.T) redis.UniversalClient { return nil },
		"redis":  func(t *testing.T) redis.UniversalClient { return connect(t, testsvc.Redis(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := patient(acquire(t, uuid.NewString(), threeTimes, client(t)))
			for range 2 {
				g.Failed(t.Context(), "192.0.2.1")
				requireLocked(t, false, g, "192.0.2.1")
			}
			g.Failed(t.Context(), "192.0.2.2")
			g.Failed(t.Context(), "192.0.2.1")
			requireLocked(t, true, g, "192.0.2.1")
			requireLocked(t, false, g, "192.0.2.2")
		})
	}
}

func TestWindowAndDurationEnd(t *testing.T) {
	t.Parallel()
	g := acquire(t, uuid.NewString(), threeTimes, nil)
	now := time.Unix(1_700_000_000, 0)
	g.now = func() time.Time { return now }
	g.Failed(t.Context(), "a")
	g.Failed(t.Context(), "a")
	now = now.Add(time.Minute)
	g.Failed(t.Context(), "a")
	requireLocked(t, false, g, "a")
	g.Failed(t.Context(), "a")
	g.Failed(t.Context(), "a")
	requireLocked(t, true, g, "a")
	now = now.Add(10 * time.Minute)
	requireLocked(t, false, g, "a")
}

// TestOtherGatewayRefusesToo needs no failure there.
func TestOtherGatewayRefusesToo(t *testing.T) {
	t.Parallel()
	url, name := testsvc.Redis(t), uuid.NewString()
	one, two := acquire(t, name, threeTimes, connect(t, url)), acquire(t, name, threeTimes, connect(t, url))
	require.NotSame(t, one, two)
	for _, g := range []*Guard{one, two, one} {
		patient(g).Failed(t.Context(), "a")
	}
	requireLocked(t, true, one, "a")
	require.Eventually(t, func() bool { _, locked := two.Locked("a"); return locked }, time.Minute, 5*time.Millisecond)
	requireLocked(t, true, two, "a")
}

// TestRedisKnowsWhoIsLockedOut and nobody else: who only failed is a digest there.
func TestRedisKnowsWhoIsLockedOut(t *testing.T) {
	t.Parallel()
	client, name := connect(t, testsvc.Redis(t)), uuid.NewString()
	g := patient(acquire(t, name, threeTimes, client))
	g.Failed(t.Context(), "192.0.2.1")
	keys, err := client.Keys(t.Context(), "botgate:{lockout:"+name+"}:*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.NotContains(t, keys[0], "192.0.2")
	ttl, err := client.PTTL(t.Context(), keys[0]).Result()
	require.NoError(t, err)
	require.Greater(t, ttl, time.Duration(0))
	for range 2 {
		g.Failed(t.Context(), "192.0.2.1")
	}
	locked, err := client.ZRange(t.Context(), "botgate:{lockout:"+name+"}:locked", 0, -1).Result()
	require.NoError(t, err)
	require.Equal(t, []string{"192.0.2.1"}, locked)
}

// TestLift lets in again whom either gateway locked out, on both.
func TestLift(t *testing.T) {
	t.Parallel()
	url, name := testsvc.Redis(t), uuid.NewString()
	memory := acquire(t, name, threeTimes, nil)
	for gateways, pair := range map[string][2]*Guard{
		"in memory": {memory, memory},
		"on Redis":  {acquire(t, name, threeTimes, connect(t, url)), acquire(t, name, threeTimes, connect(t, url))},
	} {
		one, two := patient(pair[0]), patient(pair[1])
		lock := func(who string) (left time.Duration) {
			for range 3 {
				left = one.Failed(t.Context(), who)
			}
			return left
		}
		for range 2 { // It can be locked out again.
			require.Equal(t, 10*time.Minute, lock("2001:db8::/64 acme"), gateways)
			require.Positive(t, lock("192.0.2.9"))
			lifted, err := two.Lift(t.Context(), func(l Lockout) bool { return l.is("2001:db8::5") })
			require.NoError(t, err)
			require.Len(t, lifted, 1, gateways)
			require.Equal(t, []string{name, "2001:db8::/64 acme"}, []string{lifted[0].Kind, lifted[0].Who})
			for _, g := range pair {
				require.Eventually(t, func() bool { _, locked := g.Locked("2001:db8::/64 acme"); return !locked }, time.Minute, time.Millisecond)
			}
			requireLocked(t, true, two, "192.0.2.9")
			require.Zero(t, one.Failed(t.Context(), "2001:db8::/64 acme"), "failures count anew")
			lifted, err = one.Lift(t.Context(), func(l Lockout) bool { return l.is("acme") || l.is("192.0.2.9") })
			require.NoError(t, err)
			require.Len(t, lifted, 1, gateways)
			_, err = two.Lift(t.Context(), func(Lockout) bool { return true })
			require.NoError(t, err)
			one.forget("2001:db8::/64 acme")
			if one.shared != nil {
				require.NoError(t, one.shared.client.Del(t.Context(), one.shared.failures("2001:db8::/64 acme")).Err())
			}
		}
	}
}

// failAfter has each command fail that follows one of that name.
type failAfter struct {
	name   string
	failed bool
}

func (*failAfter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (*failAfter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (f *failAfter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if f.failed {
			return redis.ErrClosed
		}
		f.failed = cmd.Name() == f.name
		return next(ctx, cmd)
	}
}

// TestLiftIsHeardOnce has Redis fail just after it told of a lift: it does not tell again.
func TestLiftIsHeardOnce(t *testing.T) {
	t.Parallel()
	url, name := testsvc.Redis(t), uuid.NewString()
	client := connect(t, url)
	one, two := newGuard(name, threeTimes, client, slog.New(slog.DiscardHandler)), patient(acquire(t, name, threeTimes, connect(t, url)))
	require.NoError(t, one.Close())
	for range 3 {
		two.Failed(t.Context(), "192.0.2.9")
	}
	require.NoError(t, one.sync(t.Context()))
	requireLocked(t, true, one, "192.0.2.9")
	_, err := two.Lift(t.Context(), func(Lockout) bool { return true })
	require.NoError(t, err)
	client.AddHook(&failAfter{name: "zrangebyscore"})
	require.ErrorIs(t, one.sync(t.Context()), redis.ErrClosed)
	requireLocked(t, false, one, "192.0.2.9")
}

// TestLiftWithoutRedis lifts here, and says that others may not know.
func TestLiftWithoutRedis(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	g := patient(acquire(t, uuid.NewString(), Config{Failures: 1, Window: threeTimes.Window, Duration: threeTimes.Duration}, connect(t, server.URL)))
	g.Failed(t.Context(), "a")
	requireLocked(t, true, g, "a")
	server.Kill()
	lifted, err := g.Lift(t.Context(), func(Lockout) bool { return true })
	require.Error(t, err)
	require.Len(t, lifted, 1)
	requireLocked(t, false, g, "a")
}

// TestLaterOnesAreLockedOutToo: who fills the table keeps nobody else out of it, here and on other gateways.
func TestLaterOnesAreLockedOutToo(t *testing.T) {
	t.Parallel()
	once := Config{Failures: 1, Window: caddy.Duration(time.Minute), Duration: caddy.Duration(10 * time.Minute)}
	client, name := connect(t, testsvc.Redis(t)), uuid.NewString()
	one, two := patient(acquire(t, name, once, client)), acquire(t, name, once, connect(t, testsvc.Redis(t)))
	now, err := client.Time(t.Context()).Result()
	require.NoError(t, err)
	members := make([]redis.Z, maxKeys)
	for i := range members {
		members[i] = redis.Z{Score: float64(now.Add(5 * time.Minute).UnixMilli()), Member: fmt.Sprint("full ", i)}
	}
	require.NoError(t, client.ZAdd(t.Context(), one.shared.prefix+"locked", members...).Err())
	one.Failed(t.Context(), "later")
	requireLocked(t, true, one, "later")
	require.Eventually(t, func() bool { _, locked := two.Locked("later"); return locked }, time.Minute, 5*time.Millisecond)
	size, err := client.ZCard(t.Context(), one.shared.prefix+"locked").Result()
	require.NoError(t, err)
	require.LessOrEqual(t, size, int64(maxKeys))
}

func TestNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, "192.0.2.1 acme", nameOf("192.0.2.1 acme"))
	long, other := "192.0.2.1 "+strings.Repeat("x", 9000), "192.0.2.1 "+strings.Repeat("x", 9001)
	require.LessOrEqual(t, len(nameOf(long)), maxName)
	require.NotEqual(t, nameOf(long), nameOf(other))
	require.NotContains(t, nameOf("a\nb"), "\n")
	require.NotEqual(t, nameOf("a\nb"), nameOf("a\rb"))
	require.True(t, Lockout{Who: nameOf(long)}.is("192.0.2.1"))
}

// TestWithoutRedis: hung or gone, the process counts for itself and callers hardly wait.
func TestWithoutRedis(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]func(*testsvc.Server){
		"hung": func(s *testsvc.Server) { s.Pause() },
		"gone": func(s *testsvc.Server) { s.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testsvc.StartRedis(t)
			g := acquire(t, uuid.NewString(), threeTimes, connect(t, server.URL))
			breakIt(server)
			for range 3 {
				requireLocked(t, false, g, "a")
				g.Failed(t.Context(), "a")
			}
			requireLocked(t, true, g, "a")
		})
	}
}

// TestRedisMissesFailures while it hangs: they count all the same, and other gateways hear of the lockout when it
// answers again.
func TestRedisMissesFailures(t *testing.T) {
	t.Parallel()
	for missed := 2; missed <= 3; missed++ {
		server, name := testsvc.StartRedis(t), uuid.NewString()
		one, two := acquire(t, name, threeTimes, connect(t, server.URL)), acquire(t, name, threeTimes, connect(t, server.URL))
		server.Pause()
		for range missed {
			one.Failed(t.Context(), "a")
		}
		server.Resume()
		require.Eventually(t, func() bool { return one.sync(t.Context()) == nil }, time.Minute, time.Millisecond)
		if missed < 3 {
			requireLocked(t, false, one, "a")
			one.Failed(t.Context(), "a") // Whether or not Redis is tried again so soon.
		}
		requireLocked(t, true, one, "a")
		require.Eventually(t, func() bool { _, locked := two.Locked("a"); return locked }, time.Minute, time.Millisecond)
	}
}

// TestLockMadeAloneKeepsItsEnd: Redis hears of it late, and not at all of one that is over.
func TestLockMadeAloneKeepsItsEnd(t *testing.T) {
	t.Parallel()
	for passed, want := range map[time.Duration]int64{9 * time.Minute: 1, 11 * time.Minute: 0} {
		client, now := connect(t, testsvc.Redis(t)), time.Now()
		g := newGuard(uuid.NewString(), threeTimes, client, slog.New(slog.DiscardHandler))
		require.NoError(t, g.Close()) // It asks Redis only when it is told to.
		g.now = func() time.Time { return now }
		g.budget = 0
		for range 3 {
			g.Failed(t.Context(), "a")
		}
		requireLocked(t, true, g, "a")
		now = now.Add(passed)
		require.NoError(t, g.sync(t.Context()))
		left, _ := g.Locked("a")
		require.LessOrEqual(t, left, time.Minute)
		told, err := client.ZCard(t.Context(), g.shared.prefix+"locked").Result()
		require.NoError(t, err)
		require.Equal(t, want, told, passed)
	}
}

func TestGuardsAreSharedOverReloads(t *testing.T) {
	t.Parallel()
	name := uuid.NewString()
	old := acquire(t, name, threeTimes, nil)
	for range 3 {
		old.Failed(t.Context(), "a")
	}
	requireLocked(t, true, acquire(t, name, threeTimes, nil), "a")
	requireLocked(t, false, acquire(t, name+"2", threeTimes, nil), "a")
}

func TestTablesAreBounded(t *testing.T) {
	t.Parallel()
	g := acquire(t, uuid.NewString(), Config{Failures: 1, Window: caddy.Duration(time.Minute), Duration: caddy.Duration(time.Minute)}, nil)
	for i := range maxKeys + 10_000 {
		g.Failed(t.Context(), fmt.Sprint(i))
	}
	require.LessOrEqual(t, g.local.Len(), maxKeys)
	require.LessOrEqual(t, g.locked.Len(), maxKeys)
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	g := acquire(t, uuid.NewString(), Config{Failures: 100, Window: caddy.Duration(time.Hour), Duration: caddy.Duration(10 * time.Minute)}, nil)
	var callers sync.WaitGroup
	for range 10 {
		callers.Go(func() {
			for range 10 {
				g.Failed(t.Context(), "a")
				g.Locked("a")
			}
		})
	}
	callers.Wait()
	requireLocked(t, true, g, "a")
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "": "", "@": "@",
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), httptest.NewRecorder(), &caddyhttp.Server{})
		caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, given)
		require.Equal(t, want, Address(r), given)
	}
}

func TestProblem(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	require.NoError(t, Problem(1500*time.Millisecond).Write(w))
	require.Equal(t, []any{429, "2"}, []any{w.Code, w.Header().Get("Retry-After")})
}

func TestOption(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"lockout 20 1m 10m":    "",
		"lockout 20 1m":        "takes a number of failures",
		"lockout 20 1m 10m 5m": "takes a number of failures",
		"lockout many 1m 10m":  `"many" is not a number`,
		"lockout 0 1m 10m":     "at least 1",
		"lockout 1 x 10m":      `"x" is not a duration`,
		"lockout 1 1m x":       `"x" is not a duration`,
		"lockout 1 0s 10m":     "above zero",
		"lockout 1 1m 9d":      "at most 168h",
	} {
		d := caddyfile.NewTestDispenser(text)
		d.Next()
		var c *Config
		err := Option(&c).Read(d)
		if want == "" {
			require.NoError(t, err, text)
			require.Equal(t, &Config{Failures: 20, Window: caddy.Duration(time.Minute), Duration: caddy.Duration(10 * time.Minute)}, c)
			continue
		}
		require.ErrorContains(t, err, want, text)
	}
}

func BenchmarkLocked(b *testing.B) {
	g := acquire(b, uuid.NewString(), threeTimes, nil)
	for range 3 {
		g.Failed(b.Context(), "somebody else")
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, locked := g.Locked("192.0.2.1"); locked {
			b.Fatal("locked")
		}
	}
}
