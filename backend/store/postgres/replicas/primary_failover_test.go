package replicas_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres/replicas"
	"github.com/botgate/botgate/internal/testsvc"
)

// load writes numbers, each again until it is confirmed, from several goroutines.
type load struct {
	last      atomic.Int64
	mu        sync.Mutex
	confirmed map[int]time.Time
	group     sync.WaitGroup
}

func startLoad(ctx context.Context, p *replicas.Cluster) *load {
	l := &load{confirmed: map[int]time.Time{}}
	for range 4 {
		l.group.Go(func() {
			for ctx.Err() == nil {
				n := int(l.last.Add(1))
				for tryWrite(ctx, p, n) != nil {
					select {
					case <-ctx.Done():
						return
					case <-time.After(often):
					}
				}
				l.mu.Lock()
				l.confirmed[n] = time.Now()
				l.mu.Unlock()
			}
		})
	}
	return l
}

func tryWrite(ctx context.Context, p *replicas.Cluster, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return write(ctx, p, n)
}

// since returns when the first number was confirmed at or after a time.
func (l *load) since(start time.Time) (first time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, at := range l.confirmed {
		if !at.Before(start) && (!ok || at.Before(first)) {
			first, ok = at, true
		}
	}
	return first, ok
}

// requireAll checks that a server has all that was confirmed.
func (l *load) requireAll(t *testing.T, s *testsvc.Server) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	rows, err := conn.Query(t.Context(), "select distinct n from numbers")
	require.NoError(t, err)
	there, err := pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(t, err)
	found := map[int]bool{}
	for _, n := range there {
		found[n] = true
	}
	for n := range l.confirmed {
		require.True(t, found[n], "%d was confirmed and is lost", n)
	}
}

// shard is a primary with two standbys, one of which has to have each commit.
func shard(t *testing.T) (primary, next, other *testsvc.Server) {
	t.Helper()
	primary = testsvc.StartPostgres(t)
	primary.Execute("create table numbers (n int)")
	next = testsvc.StartPostgresStandby(t, primary)
	other = testsvc.StartPostgresStandby(t, primary)
	// Both, since it is not said which of them will be promoted.
	primary.Configure("synchronous_standby_names", "2 (*)")
	return primary, next, other
}

// received returns how much of the log a standby got from its primary, which is gone.
func received(t *testing.T, s *testsvc.Server) (position int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	var following bool
	require.Eventually(t, func() bool {
		err := conn.QueryRow(t.Context(), `select exists (select from pg_stat_wal_receiver),
			(pg_last_wal_receive_lsn() - '0/0')::bigint`).Scan(&following, &position)
		return err == nil && !following
	}, patience, often)
	return position
}

// TestPrimaryDiesUnderLoad promotes a standby, has the other one follow it, and brings the
// old primary back as if it still were one.
func TestPrimaryDiesUnderLoad(t *testing.T) {
	t.Parallel()
	primary, next, other := shard(t)
	var said log
	reg := prometheus.NewRegistry()
	p := open(t, replicas.Config{URL: urlOf(t, primary, next, other), MaxLag: 3 * time.Second, Logger: said.logger(), Registerer: reg})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l := startLoad(ctx, p)
	require.Eventually(t, func() bool { return l.last.Load() > 200 }, patience, often)

	primary.Kill()
	require.Eventually(t, func() bool { // Reads go on, staler and staler.
		_, err := reader(t.Context(), p)
		require.NoError(t, err)
		return strings.Contains(metrics(t, reg), `botgate_database_reads_total{reason="primary_down"`)
	}, patience, often)
	_, err := reader(store.Fresh(t.Context()), p)
	require.Error(t, err)

	if received(t, other) > received(t, next) {
		next, other = other, next // The one behind could not be followed.
	}
	promoting := time.Now()
	next.Promote()
	var back time.Time
	require.Eventually(t, func() (ok bool) { back, ok = l.since(promoting); return ok }, patience, often)
	t.Logf("the first write was confirmed %s after the promotion was ordered", back.Sub(promoting))

	awaitReader(t, p, next) // The other standby follows nobody.
	other.Follow(next)
	awaitReader(t, p, other)

	primary.Restart()
	require.Eventually(t, func() bool {
		return strings.Contains(said.String(), "takes writes although another one was promoted")
	}, patience, often)
	// A process that starts now waits for all servers before it takes one for the primary.
	fresh := open(t, replicas.Config{URL: urlOf(t, primary, next, other) + "&connect_timeout=60"})
	for _, each := range []*replicas.Cluster{p, fresh} {
		port, err := reader(store.Fresh(t.Context()), each)
		require.NoError(t, err)
		require.Equal(t, next.Port(), port)
	}
	cancel()
	l.group.Wait()
	l.requireAll(t, next)
	require.Contains(t, metrics(t, reg), `botgate_database_failovers_total{shard="main"} 1`)
	t.Logf("%d writes confirmed", len(l.confirmed))
}
