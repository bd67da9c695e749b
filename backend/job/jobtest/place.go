// Package jobtest has jobs done in tests of their kinds.
package jobtest

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/internal/queue"
	queuefile "github.com/botgate/botgate/internal/queue/sqlite"
)

// Queue opens an embedded queue that keeps a history.
func Queue(t *testing.T) *queuefile.Queue {
	t.Helper()
	q, err := queuefile.Open(t.Context(), queuefile.Config{Path: filepath.Join(t.TempDir(), "queue.db"), History: queue.DefaultRetention})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	return q
}

// Engine returns an engine in a new file.
func Engine(t *testing.T) *job.SQL {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "jobs.db")+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	engine := job.NewSQL(sqldb.DB{Dialect: sqldb.SQLite, Writer: db, Reader: db}, nil)
	require.NoError(t, engine.Migrate(t.Context()))
	return engine
}

// Do has a job of a kind done in a new file, and returns it when it is final.
func Do(t *testing.T, kind job.Kind, parameters string) *job.Job {
	t.Helper()
	engine := Engine(t)
	jobs, err := job.New(job.Config{Engine: engine, Kinds: map[string]job.Kind{"kind": kind}, PollInterval: 10 * time.Millisecond})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- jobs.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-ended)
	}()
	made, _, err := jobs.Submit(t.Context(), job.Request{Kind: "kind", Parameters: []byte(parameters)})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		made, err = jobs.Get(t.Context(), made.ID, "")
		require.NoError(t, err)
		return made.Status.Final()
	}, time.Minute, 5*time.Millisecond)
	return made
}
