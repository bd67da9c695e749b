package sqlite_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// TestConformance opens copies of one empty file, as making the schema anew would take longer
// than most of the tests.
func TestConformance(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "events.db")
	require.NoError(t, open(t, empty).Close())
	file, err := os.ReadFile(empty)
	require.NoError(t, err)
	storetest.Run(t, func(t *testing.T) storetest.Store {
		path := filepath.Join(t.TempDir(), "events.db")
		require.NoError(t, os.WriteFile(path, file, 0o600))
		return open(t, path)
	})
}

func TestReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	s := open(t, path)
	require.NoError(t, storetest.Append(t.Context(), s, storetest.Events(3)))
	before, err := s.Get(t.Context(), storetest.Event(1).ID)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	s = open(t, path)
	after, err := s.Get(t.Context(), storetest.Event(1).ID)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestSharedFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	one, other := open(t, path), open(t, path)
	require.NoError(t, storetest.Append(t.Context(), one, storetest.Events(2)))
	require.NoError(t, storetest.Append(t.Context(), other, storetest.Events(4)))
	page, err := one.List(t.Context(), store.Query{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Records, 4)
}

func TestFileIsPrivate(t *testing.T) {
	t.Parallel()
	// The characters would end the path of a URI.
	folder := filepath.Join(t.TempDir(), "a?b#c%41")
	path := filepath.Join(folder, "events.db")
	s := open(t, path)
	require.NoError(t, storetest.Append(t.Context(), s, storetest.Events(1)))
	for name, mode := range map[string]os.FileMode{folder: 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), name)
	}
}

func TestWidePermissionsAreTightened(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	first := open(t, path)
	require.NoError(t, storetest.Append(t.Context(), first, storetest.Events(1)))
	files := []string{path, path + "-wal", path + "-shm"}
	for _, name := range files {
		require.NoError(t, os.Chmod(name, 0o664))
	}
	require.NoError(t, storetest.Append(t.Context(), open(t, path), storetest.Events(2)))
	for _, name := range files {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	require.NoError(t, storetest.Append(t.Context(), first, storetest.Events(3)), "whoever has it open goes on")
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	garbage := filepath.Join(folder, "garbage.db")
	require.NoError(t, os.WriteFile(garbage, []byte("this is no database, but it is long enough to be read as one"), 0o600))
	for _, path := range []string{folder, garbage, filepath.Join(garbage, "events.db"), ""} {
		_, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
		require.ErrorContains(t, err, "opening the database "+path, path)
	}
}

func TestLockedByAnotherProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	s := open(t, path)
	db, err := sql.Open("sqlite", path+"?_txlock=immediate")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, storetest.Append(ctx, s, storetest.Events(1)), store.ErrUnavailable)
	require.NoError(t, s.Ready(t.Context()), "reads go on")
	require.NoError(t, tx.Rollback())
	require.NoError(t, storetest.Append(t.Context(), s, storetest.Events(1)))
}

// A reload opens the file while the one before still writes: it waits only where it has to write itself.
func TestOpenWaitsForTheLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	db, err := sql.Open("sqlite", path+"?_txlock=immediate")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)

	opened := make(chan error, 1)
	go func() {
		s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		require.NoError(t, err)
		t.Fatal("opened without the lock")
	case <-time.After(3 * time.Second): // Longer than SQLite itself waits.
	}
	require.NoError(t, tx.Rollback())
	require.NoError(t, <-opened)

	tx, err = db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, open(t, path).Close(), "there is nothing to write")
	require.NoError(t, tx.Rollback())
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	s := open(t, path)
	require.NoError(t, s.LimitPages(t.Context(), 40))
	big := storetest.Event(1)
	big.Data = make([]byte, 1<<20)
	require.ErrorIs(t, storetest.Append(t.Context(), s, []*event.Event{big}), store.ErrUnavailable, "the event is not to blame")
	require.NoError(t, storetest.Append(t.Context(), s, storetest.Events(1)), "a small one still fits")
}

func TestSchemaOfAnotherProgram(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct{ sql, want string }{
		"newer":   {"insert into events_migrations values (1000, 'later', 'x', 0, 1000)", "schema version 1000, newer than this program"},
		"changed": {"update events_migrations set checksum = 'x'", "differs from 0001_events.sql"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "events.db")
			require.NoError(t, open(t, path).Close())
			db, err := sql.Open("sqlite", path)
			require.NoError(t, err)
			_, err = db.Exec(change.sql)
			require.NoError(t, err)
			require.NoError(t, db.Close())

			_, err = sqlite.Open(t.Context(), sqlite.Config{Path: path})
			require.ErrorContains(t, err, change.want)
			require.NotErrorIs(t, err, store.ErrUnavailable)
		})
	}
}
