// Package river shows what riverqueue/river does with jobs like ours, on both databases: what
// works, and why it does not carry them. It is a module of its own, so that Botgate does not
// depend on river. See ../0002-background-jobs.md.
//
//	go run ./internal/testsvc/withsvc -- go -C docs/decisions/river test -v ./...
//
// Without BOTGATE_TEST_POSTGRES_URL it leaves PostgreSQL out.
package river

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

const patience = 2 * time.Minute

// client is what does not depend on the driver.
type client interface {
	Insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
	JobCancel(ctx context.Context, id int64) (*rivertype.JobRow, error)
	JobGet(ctx context.Context, id int64) (*rivertype.JobRow, error)
	JobList(ctx context.Context, params *river.JobListParams) (*river.JobListResult, error)
	JobUpdate(ctx context.Context, id int64, params *river.JobUpdateParams) (*rivertype.JobRow, error)
	Start(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// open makes a client of a process with its own connections; two of one test share a database.
type open func(cfg *river.Config) (client, error)

func eachDatabase(t *testing.T, test func(t *testing.T, open open)) {
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		url := os.Getenv("BOTGATE_TEST_POSTGRES_URL")
		if url == "" {
			t.Skip("no PostgreSQL")
		}
		schema := "river_" + strings.ToLower(rand.Text())
		admin, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		_, err = admin.Exec(t.Context(), "create schema "+schema)
		require.NoError(t, err)
		require.NoError(t, admin.Close(t.Context()))
		pool := func() riverdriver.Driver[pgx.Tx] {
			settings, err := pgxpool.ParseConfig(url)
			require.NoError(t, err)
			settings.ConnConfig.RuntimeParams["search_path"] = schema
			p, err := pgxpool.NewWithConfig(t.Context(), settings)
			require.NoError(t, err)
			t.Cleanup(p.Close)
			return riverpgxv5.New(p)
		}
		migrate(t, pool())
		test(t, func(cfg *river.Config) (client, error) { return newClient(pool(), cfg) })
	})
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "jobs.db")
		handle := func() riverdriver.Driver[*sql.Tx] {
			db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
			require.NoError(t, err)
			db.SetMaxOpenConns(1)
			t.Cleanup(func() { _ = db.Close() })
			return riversqlite.New(db)
		}
		migrate(t, handle())
		test(t, func(cfg *river.Config) (client, error) { return newClient(handle(), cfg) })
	})
}

func migrate[TTx any](t *testing.T, driver riverdriver.Driver[TTx]) {
	t.Helper()
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	_, err = migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(t, err)
}

func newClient[TTx any](driver riverdriver.Driver[TTx], cfg *river.Config) (client, error) {
	c, err := river.NewClient(driver, cfg)
	if err != nil {
		return nil, err
	}
	return c, nil
}

type args struct {
	Key string `json:"key" river:"unique"`
}

func (args) Kind() string { return "export" }

// config works on jobs by work.
func config(work func(context.Context, *river.Job[args]) error) *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(work))
	return &river.Config{
		Logger: slog.New(slog.DiscardHandler), Workers: workers, FetchPollInterval: 100 * time.Millisecond,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}},
	}
}

func start(t *testing.T, open open, cfg *river.Config) client {
	t.Helper()
	c, err := open(cfg)
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, c.StopAndCancel(ctx))
	})
	return c
}

func insert(t *testing.T, c client, opts *river.InsertOpts) int64 {
	t.Helper()
	r, err := c.Insert(t.Context(), args{Key: "key"}, opts)
	require.NoError(t, err)
	return r.Job.ID
}

func await(t *testing.T, c client, id int64, want rivertype.JobState) {
	t.Helper()
	require.Eventually(t, func() bool {
		j, err := c.JobGet(t.Context(), id)
		return err == nil && j.State == want
	}, patience, 50*time.Millisecond)
}

// TestCancelInAnotherProcess works.
func TestCancelInAnotherProcess(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, open open) {
		started := make(chan struct{}, 1)
		start(t, open, config(func(ctx context.Context, _ *river.Job[args]) error {
			started <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}))
		other, err := open(&river.Config{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		id := insert(t, other, nil)
		<-started
		_, err = other.JobCancel(t.Context(), id)
		require.NoError(t, err)
		await(t, other, id, rivertype.JobStateCancelled)
	})
}

// TestUniqueOverFinished works: a key is one job for as long as its row is kept.
func TestUniqueOverFinished(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, open open) {
		c := start(t, open, config(func(context.Context, *river.Job[args]) error { return nil }))
		opts := &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: rivertype.JobStates()}}
		id := insert(t, c, opts)
		await(t, c, id, rivertype.JobStateCompleted)
		again, err := c.Insert(t.Context(), args{Key: "key"}, opts)
		require.NoError(t, err)
		require.True(t, again.UniqueSkippedAsDuplicate)
		require.Equal(t, id, again.Job.ID)
	})
}

// TestListOfABot works on PostgreSQL; on SQLite it takes SQL of its own.
func TestListOfABot(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, open open) {
		c, err := open(&river.Config{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		for _, bot := range []string{"demo", "other"} {
			insert(t, c, &river.InsertOpts{Metadata: fmt.Appendf(nil, `{"bot":%q}`, bot)})
		}
		found, err := c.JobList(t.Context(), river.NewJobListParams().Metadata(`{"bot":"demo"}`))
		if strings.HasSuffix(t.Name(), "SQLite") {
			require.Error(t, err)
			found, err = c.JobList(t.Context(), river.NewJobListParams().Where("metadata ->> '$.bot' = @bot", river.NamedArgs{"bot": "demo"}))
		}
		require.NoError(t, err)
		require.Len(t, found.Jobs, 1)
	})
}

// TestLongStepIsCutOff shows the first of three choices. A killed worker's job is rescued after
// RescueStuckJobsAfter, which is counted from the beginning of the attempt, as there is no lease
// that a worker renews; so no attempt may take longer. A step that needs more time, as the
// rebuild of one large day does, is cut off until its attempts are used up.
func TestLongStepIsCutOff(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, open open) {
		cfg := config(func(ctx context.Context, _ *river.Job[args]) error {
			select {
			case <-time.After(time.Minute): // The step.
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		cfg.RetryPolicy = atOnce{}
		cfg.JobTimeout, cfg.RescueStuckJobsAfter = time.Hour, 30*time.Second
		_, err := open(cfg)
		require.ErrorContains(t, err, "RescueStuckJobsAfter cannot be less than JobTimeout")

		cfg.JobTimeout, cfg.RescueStuckJobsAfter = time.Second, time.Second
		c := start(t, open, cfg)
		id := insert(t, c, &river.InsertOpts{MaxAttempts: 3})
		await(t, c, id, rivertype.JobStateDiscarded)
	})
}

// TestNoTimeoutNoRescue shows the second choice: without a timeout, the job of a worker that
// was killed stays "running" for good. A worker that hangs stands for it.
func TestNoTimeoutNoRescue(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, open open) {
		cfg := func() *river.Config {
			cfg := config(func(ctx context.Context, _ *river.Job[args]) error {
				<-ctx.Done()
				return ctx.Err()
			})
			cfg.JobTimeout, cfg.RescueStuckJobsAfter, cfg.RetryPolicy = -1, time.Second, atOnce{}
			return cfg
		}
		first := start(t, open, cfg())
		id := insert(t, first, nil)
		await(t, first, id, rivertype.JobStateRunning)
		start(t, open, cfg())
		time.Sleep(70 * time.Second) // The rescuer looks at the start and every 30 s.
		j, err := first.JobGet(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, rivertype.JobStateRunning, j.State)
		require.Equal(t, 1, j.Attempt)
	})
}

// TestRescueOfALiveJob shows what either choice lacks: a worker that was given up, as one on a
// machine that slept, still writes. JobUpdate knows no attempt, so its checkpoint replaces that
// of the second worker, and the job's parts with it.
func TestRescueOfALiveJob(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, open open) {
		second, release := make(chan struct{}, 1), make(chan struct{})
		cfg := func() *river.Config {
			cfg := config(func(_ context.Context, j *river.Job[args]) error {
				if j.Attempt > 1 {
					second <- struct{}{}
				}
				<-release // Asleep: it does not see the end of its context.
				return nil
			})
			cfg.JobTimeout, cfg.RescueStuckJobsAfter, cfg.RetryPolicy = time.Second, time.Second, atOnce{}
			return cfg
		}
		defer close(release)
		first := start(t, open, cfg())
		id := insert(t, first, nil)
		await(t, first, id, rivertype.JobStateRunning)
		other, began := start(t, open, cfg()), time.Now()
		select {
		case <-second:
		case <-time.After(patience):
			require.Fail(t, "the job was not rescued")
		}
		t.Logf("handed to another worker after %s, with a limit of 1s", time.Since(began).Round(time.Second))

		_, err := other.JobUpdate(t.Context(), id, &river.JobUpdateParams{Output: "checkpoint of the second worker"})
		require.NoError(t, err)
		_, err = first.JobUpdate(t.Context(), id, &river.JobUpdateParams{Output: "checkpoint of the first worker"})
		require.NoError(t, err, "nothing refuses it")
		j, err := other.JobGet(t.Context(), id)
		require.NoError(t, err)
		require.Contains(t, string(j.Output()), "first worker")
	})
}

type atOnce struct{}

func (atOnce) NextRetry(*rivertype.JobRow) time.Time { return time.Now() }
