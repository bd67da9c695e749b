package redisclient_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

// patient is a budget for tests that are not about one.
const patient = time.Minute

func open(t *testing.T, url string, hooks ...redis.Hook) *redisclient.Pipe {
	t.Helper()
	client, err := redisclient.Open(url)
	require.NoError(t, err)
	for _, h := range hooks {
		client.AddHook(h)
	}
	p := redisclient.NewPipe(client)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// gate is a hook that sees round trips, and may hold them up.
type gate struct {
	mu             sync.Mutex
	underWay, most int
	trips, cmds    int
	// hold is nil, or what each of them waits for.
	hold chan struct{}
}

func (g *gate) pass(cmds int, trip func() error) error {
	g.mu.Lock()
	g.underWay++
	g.most = max(g.most, g.underWay)
	g.trips, g.cmds = g.trips+1, g.cmds+cmds
	hold := g.hold
	g.mu.Unlock()
	if hold != nil {
		<-hold
	}
	err := trip()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.underWay--
	return err
}

func (g *gate) counts() (most, trips, cmds int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most, g.trips, g.cmds
}

func (g *gate) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (g *gate) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() != "incr" { // A connection is opened.
			return next(ctx, cmd)
		}
		return g.pass(1, func() error { return next(ctx, cmd) })
	}
}

func (g *gate) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() != "incr" {
			return next(ctx, cmds)
		}
		return g.pass(len(cmds), func() error { return next(ctx, cmds) })
	}
}

func incr(key string) *redis.IntCmd { return redis.NewIntCmd(context.Background(), "incr", key) }

func TestEachCallHasItsOwnAnswer(t *testing.T) {
	t.Parallel()
	p := open(t, testsvc.Redis(t))
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			key := uuid.NewString()
			for n := range int64(20) {
				cmd, none := incr(key), redis.NewStringCmd(context.Background(), "get", "none of these")
				if err := p.Do(t.Context(), patient, cmd, none); err != nil || cmd.Val() != n+1 || !errors.Is(none.Err(), redis.Nil) {
					t.Errorf("%d: %v %v", n, cmd, err)
				}
			}
		})
	}
	group.Wait()
	wrong := redis.NewCmd(t.Context(), "incr", "k", "too many")
	require.ErrorContains(t, p.Do(t.Context(), patient, incr(uuid.NewString()), wrong), "wrong number of arguments")
}

// TestCallsShareRoundTrips has those that come while a batch is under way in the next ones, bounded in number.
func TestCallsShareRoundTrips(t *testing.T) {
	t.Parallel()
	g := &gate{hold: make(chan struct{})}
	p := open(t, testsvc.Redis(t), g)
	const calls = 1000
	done := make(chan error, calls)
	for range calls {
		p.Later(patient, func(err error) { done <- err }, incr(uuid.NewString()))
	}
	require.Eventually(t, func() bool { most, _, _ := g.counts(); return most > 1 }, time.Minute, time.Millisecond,
		"Redis takes long, so that there are several batches under way")
	close(g.hold)
	for range calls {
		require.NoError(t, <-done)
	}
	most, trips, cmds := g.counts()
	require.LessOrEqual(t, most, 8)
	require.Equal(t, calls, cmds)
	require.Less(t, trips, calls/10)
}

// TestCallsAreSentTogether has what is sent at once in one round trip.
func TestCallsAreSentTogether(t *testing.T) {
	t.Parallel()
	g := new(gate)
	p := open(t, testsvc.Redis(t), g)
	one, other := incr(uuid.NewString()), incr(uuid.NewString())
	first, second := redisclient.NewCall(patient, one), redisclient.NewCall(patient, other)
	p.Send(first, second)
	require.NoError(t, first.Wait(t.Context()))
	require.NoError(t, second.Wait(t.Context()))
	_, trips, cmds := g.counts()
	require.Equal(t, []int{1, 2}, []int{trips, cmds})
}

// TestNobodyWaitsLongerThanItsBudget finds what nobody waits for any more not sent.
func TestNobodyWaitsLongerThanItsBudget(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	p := open(t, server.URL)
	key := uuid.NewString()
	require.NoError(t, p.Do(t.Context(), patient, incr(key)))
	server.Pause()
	for range 20 {
		require.ErrorIs(t, p.Do(t.Context(), time.Millisecond, incr(key)), context.DeadlineExceeded)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	require.ErrorIs(t, p.Do(gone, time.Millisecond, incr(key)), context.Canceled)
	server.Resume()
	cmd := incr(key)
	require.Eventually(t, func() bool { return p.Do(t.Context(), patient, cmd) == nil }, time.Minute, time.Millisecond)
	require.LessOrEqual(t, cmd.Val(), int64(2+8), "what was under way may have counted")
}

func TestAsManyWaitAsThereIsRoom(t *testing.T) {
	t.Parallel()
	g := &gate{hold: make(chan struct{})}
	p := open(t, testsvc.Redis(t), g)
	const calls = 10_000
	failed := make(chan error, calls)
	for range calls {
		p.Later(patient, func(err error) { failed <- err }, incr("k"))
	}
	require.ErrorContains(t, <-failed, "too many calls wait for redis")
	close(g.hold)
	refused := 1
	for range calls - 1 {
		if err := <-failed; err != nil {
			refused++
		}
	}
	require.GreaterOrEqual(t, calls-refused, 4096)
	require.LessOrEqual(t, calls-refused, 4096+8*256)
}

func TestScriptsThatRedisForgot(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	p := open(t, server.URL)
	script := p.Script(`return KEYS[1] .. ARGV[1]`)
	for range 2 {
		cmd := script.Command([]string{"k"}, "x")
		require.NoError(t, p.Do(t.Context(), patient, incr("n"), cmd, script.Command([]string{"l"}, "y")))
		require.Equal(t, "kx", cmd.Val())
		require.NoError(t, p.Client().ScriptFlush(t.Context()).Err())
	}
	n, err := p.Client().Get(t.Context(), "n").Int()
	require.NoError(t, err)
	require.Equal(t, 2, n, "what was known is not carried out again")
}

func TestClosedPipeSendsNothing(t *testing.T) {
	t.Parallel()
	client, err := redisclient.Open(testsvc.Redis(t))
	require.NoError(t, err)
	p := redisclient.NewPipe(client)
	require.NoError(t, p.Do(t.Context(), patient, incr(uuid.NewString())))
	require.NoError(t, p.Close())
	require.ErrorContains(t, p.Do(t.Context(), patient, incr("k")), "closed")
	var none *redisclient.Pipe
	require.Nil(t, none.Client())
}
