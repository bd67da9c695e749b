package bottoken

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var hourly = schedule{rotate: time.Hour, overlap: 5 * time.Minute, ttl: 10 * time.Minute}

func openRing(t *testing.T, folder string) *keyring {
	t.Helper()
	r, err := openKeyring(t.Context(), folder, hourly, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// publishedIDs returns the ids in a key set, which must have public keys only.
func publishedIDs(t testing.TB, raw []byte) []string {
	t.Helper()
	var set jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(raw, &set))
	ids := make([]string, 0, len(set.Keys))
	for _, k := range set.Keys {
		require.True(t, k.IsPublic() && k.Valid())
		require.Equal(t, []string{"EdDSA", "sig"}, []string{k.Algorithm, k.Use})
		ids = append(ids, k.KeyID)
	}
	return ids
}

func TestFirstStart(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "data", "token")
	first, second := openRing(t, folder), openRing(t, folder)
	require.Equal(t, first.signer(time.Now()).id, second.signer(time.Now()).id)
	onDisk, err := os.ReadFile(filepath.Join(folder, publicFile))
	require.NoError(t, err)
	require.Equal(t, onDisk, first.published())
	require.Equal(t, []string{first.signer(time.Now()).id}, publishedIDs(t, onDisk))
	if runtime.GOOS == "windows" {
		return
	}
	for name, want := range map[string]os.FileMode{"": 0o700, privateFile: 0o600, publicFile: 0o644, lockFile: 0o600} {
		info, err := os.Stat(filepath.Join(folder, name))
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), name)
	}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 3, "no temporary file is left")
}

// TestRotation lets two processes share a folder for some hours. Whatever one of them
// signs, both must have published the key long enough before, and must go on until the
// token has expired.
func TestRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		rings := []*keyring{openRing(t, folder)}
		publishedSince, neededUntil := map[string]time.Time{}, map[string]time.Time{}
		<-time.After(30 * time.Second) // The samples are between the looks.
		for minute := range 6 * 60 {
			if minute == 33 {
				rings = append(rings, openRing(t, folder))
			}
			now := time.Now()
			published := publishedIDs(t, rings[0].published())
			require.LessOrEqual(t, len(published), 3)
			for _, r := range rings {
				require.Equal(t, published, publishedIDs(t, r.published()))
				signer := r.signer(now).id
				require.Contains(t, published, signer)
				if _, signed := neededUntil[signer]; !signed && minute > 0 {
					require.GreaterOrEqual(t, now.Sub(publishedSince[signer]), hourly.overlap)
				}
				neededUntil[signer] = now.Add(hourly.ttl)
			}
			for _, id := range published {
				if _, known := publishedSince[id]; !known {
					publishedSince[id] = now
				}
			}
			for id, until := range neededUntil {
				if now.Before(until) {
					require.Contains(t, published, id)
				}
			}
			<-time.After(time.Minute)
		}
		require.Len(t, neededUntil, 6, "one an hour has signed")
	})
}

// TestRemovedKeysAreReplaced is what an operator does whose keys were stolen.
func TestRemovedKeysAreReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		rings := []*keyring{openRing(t, folder), openRing(t, folder)}
		stolen := rings[0].signer(time.Now()).id
		require.NoError(t, os.Remove(filepath.Join(folder, privateFile)))
		<-time.After(2 * lookInterval)
		synctest.Wait()
		fresh := rings[0].signer(time.Now()).id
		require.NotEqual(t, stolen, fresh)
		for _, r := range rings {
			require.Equal(t, fresh, r.signer(time.Now()).id)
			require.Equal(t, []string{fresh}, publishedIDs(t, r.published()))
		}
	})
}

// TestKeysStayWhileTheFolderIsUnreachable also shows that the public file is mended.
func TestKeysStayWhileTheFolderIsUnreachable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "token")
		r := openRing(t, folder)
		before := r.signer(time.Now()).id
		require.NoError(t, os.Rename(folder, folder+"-away"))
		<-time.After(2 * lookInterval)
		synctest.Wait()
		require.Equal(t, before, r.signer(time.Now()).id)
		require.NoDirExists(t, folder)
		require.NoError(t, os.Rename(folder+"-away", folder))
		require.NoError(t, os.Remove(filepath.Join(folder, publicFile)))
		<-time.After(2 * lookInterval)
		synctest.Wait()
		mended, err := os.ReadFile(filepath.Join(folder, publicFile))
		require.NoError(t, err)
		require.Equal(t, r.published(), mended)
	})
}

func TestBadFoldersAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		content, want string
		mode          os.FileMode
	}{
		"others may read":  {`{"keys":[]}`, "others may read it (mode 0640)", 0o640},
		"not JSON":         {`keys`, "not a file of keys", 0o600},
		"a seed too short": {`{"keys":[{"seed":"AAAA","signs_from":"2026-01-01T00:00:00Z"}]}`, "a key in it is malformed", 0o600},
		"no time":          {`{"keys":[{"seed":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]}`, "a key in it is malformed", 0o600},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			path := filepath.Join(folder, privateFile)
			require.NoError(t, os.WriteFile(path, []byte(tt.content), tt.mode))
			require.NoError(t, os.Chmod(path, tt.mode))
			_, err := openKeyring(t.Context(), folder, hourly, slog.New(slog.DiscardHandler))
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, tt.want)
		})
	}
}
