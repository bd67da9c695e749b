package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/queue"
)

// TestOpenAtOnce has several handles find that there is no file yet.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "queue.db")
	var work errgroup.Group
	for range 6 {
		work.Go(func() error {
			q, err := Open(t.Context(), Config{Path: path})
			if err != nil {
				return err
			}
			return errors.Join(q.Publish(t.Context(), testEvent("key")), q.Close())
		})
	}
	require.NoError(t, work.Wait())
	requireDepth(t, openAt(t, Config{Path: path}), queue.Record, 6)
}

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "folder with % and ?")
	q := openAt(t, Config{Path: filepath.Join(dir, "queue.db")})
	require.NoError(t, q.Publish(t.Context(), testEvent("key")))
	subscribe(t, q, queue.Record)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	requirePrivate(t, dir, 4) // The file, its log, its shared memory and the consumer's.
	require.NoError(t, q.Close())
	requirePrivate(t, dir, 1)
}

// requirePrivate demands that a folder has n files, and only their owner any access.
func requirePrivate(t *testing.T, dir string, n int) {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, n)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		require.Equalf(t, os.FileMode(0o600), info.Mode().Perm(), "%s", f.Name())
	}
}

// TestFilesBecomePrivate opens a queue whose files others may read.
func TestFilesBecomePrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "queue.db")
	q := openAt(t, Config{Path: path})
	require.NoError(t, q.Publish(t.Context(), testEvent("key")))
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		require.NoError(t, os.Chmod(name, 0o644))
	}
	openAt(t, Config{Path: path})
	requirePrivate(t, dir, 3)
}

// TestOtherFilesKeepTheirMode gives the path of a file that is not a queue's.
func TestOtherFilesKeepTheirMode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("no database "), 100), 0o600))
	require.NoError(t, os.Chmod(path, 0o644)) // Whatever the umask is.
	_, err := Open(t.Context(), Config{Path: path})
	require.Error(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm())
}
