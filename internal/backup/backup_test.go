package backup_test

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/backup"
	"github.com/botgate/botgate/internal/sqlitefile"
)

// sources are files in a folder, as Botgate has them.
func sources(folder string) backup.Sources {
	in := func(name string) string { return filepath.Join(folder, name) }
	return backup.Sources{
		Databases: []backup.File{{Name: "queue.db", Path: in("queue.db")}, {Name: "events.db", Path: in("events.db")}},
		Files:     []backup.File{{Name: "bots.json", Path: in("bots.json")}},
		Folders:   []backup.Folder{{Name: "blobs", Path: in("blobs"), Files: regexp.MustCompile(`^[0-9a-f]{2}/[0-9a-f]+$`)}},
	}
}

// filled makes a folder with a database, a bots file and a large body in it.
func filled(t *testing.T) (folder string, db *sql.DB) {
	t.Helper()
	folder = t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	write("bots.json", "{}")
	write("blobs/ab/abcd", "large")
	write("blobs/part/abcd-1", "half of it")
	db, err := sqlitefile.Open(filepath.Join(folder, "queue.db"), 1, url.Values{"_pragma": {"journal_mode(wal)", "user_version(7)"}})
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	_, err = db.ExecContext(t.Context(), "CREATE TABLE a (x); CREATE TABLE b (x)")
	require.NoError(t, err)
	return folder, db
}

// TestTakeWhileWritten copies a database that each transaction of another connection makes consistent again.
func TestTakeWhileWritten(t *testing.T) {
	t.Parallel()
	folder, db := filled(t)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	rows := make(chan struct{}, 1)
	go func() {
		for {
			_, err := db.Exec("BEGIN; INSERT INTO a VALUES (randomblob(1000)); INSERT INTO b SELECT x FROM a ORDER BY rowid DESC LIMIT 1; COMMIT")
			select {
			case rows <- struct{}{}:
			default:
			}
			select {
			case <-stop:
				stopped <- err
				return
			default:
			}
			if err != nil {
				stopped <- err
				return
			}
		}
	}()
	<-rows
	to := filepath.Join(t.TempDir(), "new", "backup")
	m, err := backup.Take(t.Context(), sources(folder), to, backup.Manifest{Version: "v1"})
	require.NoError(t, err)
	close(stop)
	require.NoError(t, <-stopped)
	var names []string
	for _, f := range m.Files {
		names = append(names, f.Name)
	}
	require.Equal(t, []string{"queue.db", "bots.json", "blobs/ab/abcd"}, names)

	_, err = backup.Take(t.Context(), sources(folder), to, backup.Manifest{})
	require.ErrorContains(t, err, "is there already")

	restored := t.TempDir()
	_, err = backup.Restore(t.Context(), to, sources(restored))
	require.NoError(t, err)
	copied, err := sqlitefile.Open(filepath.Join(restored, "queue.db"), 1, nil)
	require.NoError(t, err)
	t.Cleanup(func() { copied.Close() })
	var a, differ, version int
	require.NoError(t, copied.QueryRowContext(t.Context(), "SELECT count(*) FROM a").Scan(&a))
	require.NoError(t, copied.QueryRowContext(t.Context(), "SELECT count(*) FROM a FULL JOIN b USING (x) WHERE a.x IS NULL OR b.x IS NULL").Scan(&differ))
	require.NoError(t, copied.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version))
	require.NotZero(t, a)
	require.Equal(t, []int{0, 7}, []int{differ, version})
	info, err := os.Stat(filepath.Join(restored, "queue.db"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestTakeDamaged(t *testing.T) {
	t.Parallel()
	folder, db := filled(t)
	require.NoError(t, db.Close())
	require.NoError(t, os.WriteFile(filepath.Join(folder, "queue.db"), []byte("no database at all, and longer than a header of one is, which has 100 bytes; so it is read"), 0o600))
	parent := t.TempDir()
	_, err := backup.Take(t.Context(), sources(folder), filepath.Join(parent, "backup"), backup.Manifest{})
	require.ErrorContains(t, err, "queue.db")
	left, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(t *testing.T, from, to string)
		want   string
	}{
		"what is there": {func(t *testing.T, _, to string) {
			require.NoError(t, os.WriteFile(filepath.Join(to, "bots.json"), nil, 0o600))
		}, "bots.json is there already"},
		"a database's log": {func(t *testing.T, _, to string) {
			require.NoError(t, os.WriteFile(filepath.Join(to, "queue.db-wal"), nil, 0o600))
		}, "queue.db-wal is there already"},
		"a changed file": {func(t *testing.T, from, _ string) {
			require.NoError(t, os.WriteFile(filepath.Join(from, "blobs/ab/abcd"), []byte("LARGE"), 0o600))
		}, "damaged: blobs/ab/abcd"},
		"a missing file": {func(t *testing.T, from, _ string) {
			require.NoError(t, os.Remove(filepath.Join(from, "bots.json")))
		}, "not whole"},
		"another folder": {func(t *testing.T, from, _ string) {
			require.NoError(t, os.Remove(filepath.Join(from, "manifest.json")))
		}, "is no backup"},
		"a path outside": {func(t *testing.T, from, _ string) {
			content := `{"files":[{"name":"../bots.json"}]}`
			require.NoError(t, os.WriteFile(filepath.Join(from, "manifest.json"), []byte(content), 0o600))
		}, "no place for it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, _ := filled(t)
			from, to := filepath.Join(t.TempDir(), "backup"), t.TempDir()
			_, err := backup.Take(t.Context(), sources(folder), from, backup.Manifest{})
			require.NoError(t, err)
			tc.change(t, from, to)
			before, err := os.ReadDir(to)
			require.NoError(t, err)
			_, err = backup.Restore(t.Context(), from, sources(to))
			require.ErrorContains(t, err, tc.want)
			after, err := os.ReadDir(to)
			require.NoError(t, err)
			require.Len(t, after, len(before), "nothing was restored")
		})
	}
}
