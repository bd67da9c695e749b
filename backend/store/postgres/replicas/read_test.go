package replicas_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store/postgres/replicas"
	"github.com/botgate/botgate/internal/testsvc"
)

// primaryAndStandby is a shard with a table, whose reads go to the standby.
func primaryAndStandby(t *testing.T, cfg replicas.Config) (primary, standby *testsvc.Server, p *replicas.Cluster) {
	t.Helper()
	primary = testsvc.StartPostgres(t)
	primary.Execute("create table numbers (n int)")
	standby = testsvc.StartPostgresStandby(t, primary)
	cfg.URL = urlOf(t, primary, standby)
	p = open(t, cfg)
	awaitReader(t, p, standby)
	return primary, standby, p
}

// awaitTrue waits until a server answers a query with true.
func awaitTrue(t *testing.T, s *testsvc.Server, query string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	require.Eventually(t, func() (is bool) {
		require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&is))
		return is
	}, patience, often)
}

// requirePrimaryReads writes what a standby is known not to replay. From maxLag after the first
// write on each read has to go to the primary, however slow the machine is.
func requirePrimaryReads(t *testing.T, p *replicas.Cluster, primary *testsvc.Server, until func() bool) {
	t.Helper()
	require.NoError(t, write(t.Context(), p, 0))
	began := time.Now()
	require.Eventually(t, func() bool { return time.Since(began) > maxLag }, patience, often)
	for n := 1; n < 50 || !until(); n++ {
		require.Less(t, time.Since(began), patience)
		require.NoError(t, write(t.Context(), p, n))
		requireReader(t, p, primary)
	}
}

// TestReplicaThatLagsTenSeconds has a replica that replays no commit until it lags by that, as
// the metric measures it.
func TestReplicaThatLagsTenSeconds(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	primary, standby, p := primaryAndStandby(t, replicas.Config{Registerer: reg})
	standby.Configure("recovery_min_apply_delay", "1h")
	// The standby goes by the new setting some time later, and holds the next commit then.
	require.NoError(t, write(t.Context(), p, 0))
	stop := make(chan struct{})
	var writes errgroup.Group
	writes.Go(func() error {
		for {
			select {
			case <-stop:
				return nil
			case <-time.After(often):
				if err := write(t.Context(), p, 0); err != nil {
					return err
				}
			}
		}
	})
	awaitTrue(t, standby, "select exists (select from pg_stat_activity where backend_type = 'startup' and wait_event = 'RecoveryApplyDelay')")
	close(stop)
	require.NoError(t, writes.Wait())
	requirePrimaryReads(t, p, primary, func() bool { return gauge(t, reg, "botgate_database_replica_lag_seconds") >= 10 })
	require.Contains(t, metrics(t, reg), `botgate_database_replicas{shard="main",state="lagging"} 1`)
	standby.Configure("recovery_min_apply_delay", "0")
	awaitReader(t, p, standby)
	require.Eventually(t, func() bool {
		return strings.Contains(metrics(t, reg), `botgate_database_replicas{shard="main",state="current"} 1`)
	}, patience, often)
}

// TestIdlePrimary has a primary without writes for longer than the bound.
func TestIdlePrimary(t *testing.T) {
	t.Parallel()
	_, standby, p := primaryAndStandby(t, replicas.Config{MaxLag: 300 * time.Millisecond})
	for idle := time.Now(); time.Since(idle) < time.Second; {
		_, err := reader(t.Context(), p)
		require.NoError(t, err)
	}
	awaitReader(t, p, standby)
}

// TestReplicaWithoutItsPrimary has a replica that looks current to itself: it replayed all that
// it received.
func TestReplicaWithoutItsPrimary(t *testing.T) {
	t.Parallel()
	primary, standby, p := primaryAndStandby(t, replicas.Config{})
	standby.Follow(nil)
	awaitTrue(t, standby, "select not exists (select from pg_stat_wal_receiver)")
	requirePrimaryReads(t, p, primary, func() bool { return true })
	standby.Follow(primary)
	awaitReader(t, p, standby)
}

func TestReplayIsPaused(t *testing.T) {
	t.Parallel()
	primary, standby, p := primaryAndStandby(t, replicas.Config{MaxLag: 300 * time.Millisecond})
	standby.Execute("select pg_wal_replay_pause()")
	require.Eventually(t, func() bool { // What is written before the pause is replayed.
		require.NoError(t, write(t.Context(), p, 1))
		port, err := reader(t.Context(), p)
		require.NoError(t, err)
		return port == primary.Port()
	}, patience, often)
	standby.Execute("select pg_wal_replay_resume()")
	awaitReader(t, p, standby)
}

// TestReplicaFailsDuringARead terminates the read's connection as a shutdown of the server does.
func TestReplicaFailsDuringARead(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	primary, standby, p := primaryAndStandby(t, replicas.Config{MaxLag: patience, Registerer: reg})
	var asked []string
	err := p.Read(t.Context(), func(ctx context.Context, db *pgxpool.Pool) error {
		var port int
		err := db.QueryRow(ctx, "select inet_server_port()").Scan(&port)
		if asked = append(asked, strconv.Itoa(port)); len(asked) == 1 && err == nil {
			_, err = db.Exec(ctx, "select pg_terminate_backend(pg_backend_pid())")
		}
		return err
	})
	require.NoError(t, err)
	require.Equal(t, []string{standby.Port(), primary.Port()}, asked)
	require.Contains(t, metrics(t, reg), `botgate_database_reads_total{reason="replica_failed",shard="main",target="primary"} 1`)
}

// TestReplicaDies has reads under way all the time, none of which may fail.
func TestReplicaDies(t *testing.T) {
	t.Parallel()
	primary, standby, p := primaryAndStandby(t, replicas.Config{})
	standby.Kill()
	awaitReaderWithoutFailure := func(s *testsvc.Server) {
		require.Eventually(t, func() bool {
			port, err := reader(t.Context(), p)
			require.NoError(t, err)
			return port == s.Port()
		}, patience, often)
	}
	awaitReaderWithoutFailure(primary)
	standby.Restart()
	awaitReaderWithoutFailure(standby)
}

// TestReplicaHangs has a replica whose connections stay open without an answer. A read that is
// under way there is answered by the primary after the time that a statement may take.
func TestReplicaHangs(t *testing.T) {
	t.Parallel()
	primary, standby, p := primaryAndStandby(t, replicas.Config{StatementTimeout: 2 * time.Second})
	standby.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	port, err := reader(ctx, p)
	require.NoError(t, err)
	require.Equal(t, primary.Port(), port)
	awaitReader(t, p, primary)
	standby.Resume()
	awaitReader(t, p, standby)
}
