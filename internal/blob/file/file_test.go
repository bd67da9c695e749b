package file_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/blob/blobtest"
	"github.com/botgate/botgate/internal/blob/file"
)

func open(t *testing.T, folder string) *file.Store {
	t.Helper()
	s, err := file.Open(folder)
	require.NoError(t, err)
	return s
}

func pathOf(folder string, ref blob.Ref) string { return filepath.Join(folder, ref.Key()) }

func TestConformance(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blobtest.Harness {
		folder := filepath.Join(t.TempDir(), "new", "blobs")
		return blobtest.Harness{
			Open: func(t *testing.T) blob.Store { return open(t, folder) },
			Written: func(t *testing.T, ref blob.Ref) time.Time {
				info, err := os.Stat(pathOf(folder, ref))
				require.NoError(t, err)
				return info.ModTime()
			},
			Damage: func(t *testing.T, ref blob.Ref, data []byte) {
				require.NoError(t, os.WriteFile(pathOf(folder, ref), data, 0o600))
			},
		}
	})
}

func put(t *testing.T, s blob.Store, text string) blob.Ref {
	t.Helper()
	ref := blob.RefOf([]byte(text))
	require.NoError(t, s.Put(t.Context(), ref, []byte(text)))
	return ref
}

// age makes a file older.
func age(t *testing.T, path string, by time.Duration) {
	t.Helper()
	at := time.Now().Add(-by)
	require.NoError(t, os.Chtimes(path, at, at))
}

func TestNobodyElseCanRead(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "blobs")
	ref := put(t, open(t, folder), "secret")
	for path, want := range map[string]os.FileMode{folder: 0o700, filepath.Dir(pathOf(folder, ref)): 0o700, pathOf(folder, ref): 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), path)
	}
}

func TestFolderThatCannotBeMade(t *testing.T) {
	t.Parallel()
	_, err := file.Open("/dev/null/blobs")
	require.Error(t, err)
}

func TestSweepRemovesWhatIsOld(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := open(t, folder)
	old, again, young := put(t, s, "old"), put(t, s, "again"), put(t, s, "young")
	age(t, pathOf(folder, old), 2*time.Hour)
	age(t, pathOf(folder, again), 2*time.Hour)
	put(t, s, "again")
	foreign := filepath.Join(filepath.Dir(pathOf(folder, old)), "README")
	require.NoError(t, os.WriteFile(foreign, nil, 0o600))
	age(t, foreign, 2*time.Hour)

	removed, err := s.Sweep(t.Context(), time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, removed)
	_, err = s.Get(t.Context(), old)
	require.ErrorIs(t, err, blob.ErrNotFound)
	for _, ref := range []blob.Ref{again, young} {
		_, err = s.Get(t.Context(), ref)
		require.NoError(t, err)
	}
	require.FileExists(t, foreign, "what is not ours stays")
}

// TestSweepAfterKill finds what a killed Put, and a killed sweep that met a Put, left.
func TestSweepAfterKill(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := open(t, folder)
	fresh, old := put(t, s, "fresh"), put(t, s, "old")
	for _, ref := range []blob.Ref{fresh, old} {
		require.NoError(t, os.Rename(pathOf(folder, ref), filepath.Join(folder, "trash", ref.Hex())))
	}
	age(t, filepath.Join(folder, "trash", old.Hex()), 2*time.Hour)
	stale, writing := filepath.Join(folder, "part", old.Hex()+"-1"), filepath.Join(folder, "part", old.Hex()+"-2")
	for _, path := range []string{stale, writing} {
		require.NoError(t, os.WriteFile(path, []byte("hal"), 0o600))
	}
	age(t, stale, 25*time.Hour)

	_, err := s.Get(t.Context(), fresh)
	require.NoError(t, err, "also before the next sweep")
	removed, err := s.Sweep(t.Context(), time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, removed)
	require.FileExists(t, pathOf(folder, fresh))
	require.NoFileExists(t, pathOf(folder, old))
	require.NoFileExists(t, filepath.Join(folder, "trash", old.Hex()))
	require.NoFileExists(t, stale)
	require.FileExists(t, writing)
}

// TestSweepsMeetPuts puts blobs that have just become old while several sweeps are under way:
// what was put stays.
func TestSweepsMeetPuts(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := open(t, folder)
	texts := []string{"a", "b", "c", "d"}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var sweeps errgroup.Group
	for range 2 {
		sweeps.Go(func() error {
			for ctx.Err() == nil {
				if _, err := s.Sweep(ctx, time.Now().Add(-time.Hour)); err != nil && ctx.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	for range 15 {
		for _, text := range texts {
			ref := put(t, s, text)
			// Between two sweeps it may be in the trash; then there is nothing to make older.
			at := time.Now().Add(-2 * time.Hour)
			_ = os.Chtimes(pathOf(folder, ref), at, at)
			put(t, s, text)
			_, err := s.Get(t.Context(), ref)
			require.NoError(t, err)
		}
	}
	cancel()
	require.NoError(t, sweeps.Wait())
}

func TestSweepEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	put(t, s, "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	removed, err := s.Sweep(ctx, time.Now().Add(time.Hour))
	require.Zero(t, removed)
	require.ErrorIs(t, err, context.Canceled)
}
