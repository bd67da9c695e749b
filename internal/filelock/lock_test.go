package filelock_test

import (
	"path/filepath"
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
