package filelock_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/filelock"
)

func TestLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "lock")
		first, err := filelock.Lock(t.Context(), path)
		require.NoError(t, err)
		_, err = filelock.Lock(t.Context(), path)
		require.ErrorIs(t, err, filelock.ErrHeld)
		require.ErrorContains(t, err, path)
		waited := make(chan error, 1)
		go func() {
			second, err := filelock.Lock(t.Context(), path)
			if err == nil {
				err = second.Close()
			}
			waited <- err
		}()
		synctest.Wait()
		require.NoError(t, first.Close())
		require.NoError(t, <-waited)
	})
}

func TestRemoveUnheld(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	held, err := filelock.Create(path)
	require.NoError(t, err)
	_, err = filelock.Create(path)
	require.ErrorIs(t, err, fs.ErrExist)
	gone, err := filelock.RemoveUnheld(path)
	require.NoError(t, err)
	require.False(t, gone, "somebody holds it")
	require.NoError(t, held.Remove())
	require.NoFileExists(t, path)
	gone, err = filelock.RemoveUnheld(path)
	require.NoError(t, err)
	require.True(t, gone)

	held, err = filelock.Lock(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, held.Close())
	require.FileExists(t, path)
	gone, err = filelock.RemoveUnheld(path)
	require.NoError(t, err)
	require.True(t, gone, "nobody holds it any more")
	require.NoFileExists(t, path)
}

// TestCreateMeetsRemoveUnheld lets a sweep race with the creation: nobody ends with a lock on a
// file that is gone.
func TestCreateMeetsRemoveUnheld(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	stop := make(chan struct{})
	var sweeps sync.WaitGroup
	sweeps.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := filelock.RemoveUnheld(path); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer sweeps.Wait()
	defer close(stop)
	for range 500 {
		held, err := filelock.Create(path)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		require.NoError(t, err)
		require.FileExists(t, path)
		require.NoError(t, held.Remove())
	}
}
