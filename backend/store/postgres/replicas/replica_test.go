package replicas_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store/postgres/replicas"
	"github.com/botgate/botgate/internal/testsvc"
)

// primaryAndStandby is a shard with a table, whose reads go to the standby.
func primaryAndStandby(t *testing.T, cfg replicas.Config) (primary, standby *testsvc.Server, p *replicas.Pools) {
	t.Helper()
	primary = testsvc.StartPostgres(t)
	primary.Execute("create table numbers (n int)")
	standby = testsvc.StartPostgresStandby(t, primary)
	cfg.URL = urlOf(t, primary, standby)
	p = open(t, cfg)
	awaitReader(t, p, standby)
	return primary, standby, p
}

// TestReplicaThatLagsTenSeconds delays each commit on the replica by that.
func TestReplicaThatLagsTenSeconds(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	primary, standby, p := primaryAndStandby(t, replicas.Config{Registerer: reg})
	standby.Configure("recovery_min_apply_delay", "10s")
	require.NoError(t, write(t.Context(), p, 1))
	awaitReader(t, p, primary)
	require.Contains(t, metrics(t, reg), `botgate_database_replicas{shard="main",state="lagging"} 1`)
	for n := range 50 {
		require.NoError(t, write(t.Context(), p, n))
		requireReader(t, p, primary)
	}
	standby.Configure("recovery_min_apply_delay", "0")
	awaitReader(t, p, standby)
	require.Contains(t, metrics(t, reg), `botgate_database_replicas{shard="main",state="current"} 1`)
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

// TestReplicaWithoutItsPrimary looks current by its own account: it replayed all it got.
func TestReplicaWithoutItsPrimary(t *testing.T) {
	t.Parallel()
	primary, standby, p := primaryAndStandby(t, replicas.Config{})
	standby.Follow(nil)
	require.NoError(t, write(t.Context(), p, 1))
	awaitReader(t, p, primary)
	for n := range 50 {
		require.NoError(t, write(t.Context(), p, n))
		requireReader(t, p, primary)
	}
	standby.Follow(primary)
	awaitReader(t, p, standby)
}

func TestReplayIsPaused(t *testing.T) {
	t.Parallel()
	primary, standby, p := primaryAndStandby(t, replicas.Config{MaxLag: 300 * time.Millisecond})
	standby.Execute("select pg_wal_replay_pause()")
	require.NoError(t, write(t.Context(), p, 1))
	awaitReader(t, p, primary)
	standby.Execute("select pg_wal_replay_resume()")
	awaitReader(t, p, standby)
}

// TestReplicaFailsDuringARead ends the read's connection as a server that shuts down does.
func TestReplicaFailsDuringARead(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	primary, standby, p := primaryAndStandby(t, replicas.Config{Registerer: reg})
	var asked []string
	err := p.View(t.Context(), func(ctx context.Context, db *pgxpool.Pool) error {
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

// TestReplicaHangs has a replica whose connections stay open and say nothing. A read that
// is there already gets its answer from the primary in half of its time.
func TestReplicaHangs(t *testing.T) {
	t.Parallel()
	primary, standby, p := primaryAndStandby(t, replicas.Config{MaxLag: 400 * time.Millisecond})
	standby.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	port, err := reader(ctx, p)
	require.NoError(t, err)
	require.Equal(t, primary.Port(), port)
	awaitReader(t, p, primary)
	standby.Resume()
	awaitReader(t, p, standby)
}
