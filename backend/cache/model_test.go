package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testsvc"
)

const (
	modelKeys    = 8
	modelFaults  = 8
	modelReaders = 8
	// readsInFault is how much happens during a fault, and answersPerFault how often Redis
	// answers each process between two.
	readsInFault    = 200
	answersPerFault = 20
)

// model is two processes, one Redis, one database.
type model struct {
	cfg       Config[int]
	db        *history
	server    *testsvc.Server
	processes [2]*process
	reads     atomic.Int64
}

func newModel(t *testing.T, lag time.Duration) *model {
	m := &model{server: testsvc.StartRedis(t), db: &history{lag: lag}}
	m.cfg = Config[int]{
		SoftTTL: 100 * time.Millisecond, HardTTL: time.Second, NegativeTTL: 200 * time.Millisecond,
		LoadTimeout: 900 * time.Millisecond, RedisBudget: 250 * time.Millisecond, FreshWindow: 2 * lag, Prefix: "model:",
		Fresh: func(ctx context.Context) context.Context { return context.WithValue(ctx, freshKey{}, true) },
	}
	var err error
	m.cfg.Metrics, err = NewMetrics(prometheus.NewRegistry())
	require.NoError(t, err)
	for i := range m.processes {
		m.processes[i] = m.start(t, i)
	}
	return m
}

func (m *model) start(t *testing.T, i int) *process {
	p := &process{db: m.db, proxy: testsvc.StartProxy(t, m.server.URL)}
	cfg := m.cfg
	cfg.Name = strconv.Itoa(i)
	p.cache, _ = open(t, cfg, p.proxy.URL)
	p.inner = p.cache.Subscriber(func(n *notify.Notice) string { return n.EventID })
	client, err := redisclient.Open(p.proxy.URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	p.bus, err = notify.NewRedis(t.Context(), notify.RedisConfig{
		Client: client, Channel: "model:notices", Timeout: 100 * time.Millisecond,
	})
	require.NoError(t, err)
	t.Cleanup(p.bus.Close)
	t.Cleanup(p.bus.Subscribe(p))
	return p
}

// read asks one process for a key and says what is wrong with the answer.
func (m *model) read(ctx context.Context, p *process) error {
	key := rand.N(modelKeys)
	told, asked := p.toldOf(key), time.Now()
	version, err := p.cache.Get(ctx, strconv.Itoa(key), func(ctx context.Context) (int, error) { return m.db.read(ctx, key) })
	if err != nil && !errors.Is(err, errNotFound) {
		return nil // Nothing was answered.
	}
	m.reads.Add(1)
	if version < told {
		return fmt.Errorf("process %s read version %d of key %d, and had been told of %d", p.cache.cfg.Name, version, key, told)
	}
	bound := m.cfg.HardTTL + m.db.lag + rounding
	if outdated := m.db.outdatedFor(key, version, asked); outdated > bound {
		return fmt.Errorf("process %s read version %d of key %d, overwritten for %s", p.cache.cfg.Name, version, key, outdated)
	}
	return nil
}

// write commits, and publishes unless the process is killed in between, which it always
// is with the first key.
func (m *model) write(ctx context.Context, p *process) {
	key := rand.N(modelKeys)
	version := m.db.commit(key)
	if key > 0 && rand.N(10) > 0 {
		p.bus.Publish(ctx, []notify.Notice{{EventID: strconv.Itoa(key), Cursor: strconv.Itoa(version)}})
	}
}

// fault does one thing to Redis or to the way there.
func (m *model) fault(t *testing.T) {
	p := m.processes[rand.N(len(m.processes))]
	faults := []func(){
		m.server.Restart,
		func() { m.server.Kill(); m.more(t); m.server.Restart() },
		func() { m.server.Pause(); m.more(t); m.server.Resume() },
		p.proxy.Cut,
		func() { p.proxy.Partition(false, true); m.more(t); p.proxy.Cut() },
		func() { p.proxy.Partition(true, false); m.more(t); p.proxy.Cut() },
	}
	if m.db.lag == 0 {
		// With replicas that lag, what Redis knew of writes is needed for a moment.
		faults = append(faults, func() { _ = m.processes[0].cache.remote.client.FlushAll(t.Context()).Err() })
	}
	faults[rand.N(len(faults))]()
}

// partition has each process fail to reach Redis once, whatever the faults were.
func (m *model) partition(t *testing.T) {
	for _, p := range m.processes {
		failed := func() float64 { return testutil.ToFloat64(p.cache.metrics.redisFailed) }
		before := failed()
		p.proxy.Partition(true, false)
		await(t, func() bool { return failed() > before })
		p.proxy.Cut()
	}
}

// unreadable keeps the database from being read until nothing can be known of the first key.
func (m *model) unreadable(t *testing.T) {
	m.db.unreadable.Store(true)
	defer m.db.unreadable.Store(false)
	began := time.Now()
	await(t, func() bool { return time.Since(began) > m.cfg.HardTTL*3/2 })
}

// more lets some reads happen.
func (m *model) more(t *testing.T) {
	until := m.reads.Load() + readsInFault
	await(t, func() bool { return m.reads.Load() >= until })
}

// calm lets both processes work with Redis for a while.
func (m *model) calm(t *testing.T) {
	for _, p := range m.processes {
		c := &p.cache.metrics
		answers := func() float64 { return testutil.ToFloat64(c.redisHit) + testutil.ToFloat64(c.redisMiss) }
		until := answers() + answersPerFault
		await(t, func() bool { return answers() >= until })
	}
}

// TestModel finds no answer older than docs/explanation/cache.md promises: none older than what its
// process was told of, and none that was overwritten longer ago than the hard time to live.
func TestModel(t *testing.T) {
	t.Parallel()
	for name, lag := range map[string]time.Duration{"primary alone": 0, "replicas that lag": 20 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newModel(t, lag)
			ctx, stop := context.WithCancel(t.Context())
			wrong := make(chan error, 100)
			var group sync.WaitGroup
			for _, p := range m.processes {
				for range modelReaders {
					group.Go(func() {
						for ctx.Err() == nil {
							if err := m.read(ctx, p); err != nil && len(wrong) < cap(wrong)/2 {
								wrong <- err
							}
							<-time.After(rand.N(time.Millisecond))
						}
					})
				}
				group.Go(func() {
					for ctx.Err() == nil {
						m.write(ctx, p)
						<-time.After(rand.N(10 * time.Millisecond))
					}
				})
			}
			for range modelFaults {
				m.calm(t)
				m.fault(t)
			}
			m.calm(t)
			m.partition(t)
			m.calm(t)
			m.unreadable(t)
			m.calm(t)
			stop()
			group.Wait()
			close(wrong)
			for err := range wrong {
				t.Error(err)
			}
			m.requireAllHappened(t)
		})
	}
}

// requireAllHappened keeps the test from proving nothing.
func (m *model) requireAllHappened(t *testing.T) {
	t.Helper()
	for _, p := range m.processes {
		c := &p.cache.metrics
		for name, n := range map[string]prometheus.Counter{
			"memory hit": c.memoryHit, "memory stale": c.memoryStale, "redis hit": c.redisHit, "redis miss": c.redisMiss,
			"redis failed": c.redisFailed, "found": c.found, "discarded": c.discarded, "dropped": c.invalidatedKeys,
		} {
			require.Positive(t, testutil.ToFloat64(n), name)
		}
		t.Logf("process %s: %d losses, %.0f hits in memory, %.0f in redis, %.0f loads, %.0f of them discarded", p.cache.cfg.Name,
			p.lost.Load(), testutil.ToFloat64(c.memoryHit), testutil.ToFloat64(c.redisHit), testutil.ToFloat64(c.found), testutil.ToFloat64(c.discarded))
	}
	require.Positive(t, m.processes[0].lost.Load()+m.processes[1].lost.Load())
}
