package revocation_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/revocation"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

func connect(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	client, err := redisclient.Open(url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

func later() time.Time { return time.Now().Add(time.Hour) }

func load(t *testing.T, store revocation.Store, known *revocation.List) *revocation.List {
	t.Helper()
	list, err := store.Load(t.Context(), known)
	require.NoError(t, err)
	return list
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) revocation.Store{
		"file":  func(t *testing.T) revocation.Store { return revocation.NewFile(filepath.Join(t.TempDir(), "r.json")) },
		"redis": func(t *testing.T) revocation.Store { return revocation.NewRedis(connect(t, testsvc.StartRedis(t).URL)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testStore(t, open(t))
		})
	}
}

func testStore(t *testing.T, store revocation.Store) {
	t.Helper()
	now := time.Unix(1_700_000_000, 0)
	empty := load(t, store, nil)
	require.False(t, empty.Revoked("a", "ada", now))
	require.Same(t, empty, load(t, store, empty), "nothing has changed")

	require.NoError(t, store.Revoke(t.Context(), revocation.Entry{JTI: "a", Until: later()}, revocation.Entry{JTI: "over", Until: now}))
	list := load(t, store, empty)
	require.NotSame(t, empty, list)
	require.True(t, list.Revoked("a", "anybody", now))
	require.False(t, list.Revoked("b", "anybody", now))
	require.False(t, list.Revoked("", "anybody", now))
	require.False(t, list.Revoked("over", "anybody", now), "what is over is forgotten")

	require.NoError(t, store.Revoke(t.Context(), revocation.Entry{Subject: "ada", Before: now, Until: later()}))
	require.NoError(t, store.Revoke(t.Context(), revocation.Entry{Subject: "ada", Before: now.Add(-time.Hour), Until: later()}))
	list = load(t, store, list)
	require.True(t, list.Revoked("a", "x", now), "earlier ones stay")
	require.True(t, list.Revoked("", "ada", now.Add(-time.Second)))
	require.False(t, list.Revoked("", "ada", now))
	require.True(t, list.Revoked("", "ada", time.Time{}), "a token without a time is an old one")
	require.False(t, list.Revoked("", "eve", now.Add(-time.Second)))

	for _, bad := range []revocation.Entry{{}, {JTI: "a"}, {JTI: "a", Subject: "b", Until: later()}, {Subject: "a", Until: later()}} {
		require.ErrorIs(t, store.Revoke(t.Context(), bad), revocation.ErrInvalid)
	}
	testConcurrentRevoke(t, store)
}

func testConcurrentRevoke(t *testing.T, store revocation.Store) {
	t.Helper()
	var callers sync.WaitGroup
	for i := range 20 {
		callers.Go(func() {
			require.NoError(t, store.Revoke(t.Context(), revocation.Entry{JTI: fmt.Sprint(i), Until: later()}))
		})
	}
	callers.Wait()
	list := load(t, store, nil)
	for i := range 20 {
		require.True(t, list.Revoked(fmt.Sprint(i), "", time.Time{}), i)
	}
}

func TestNoIDIsStored(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "r.json")
	require.NoError(t, revocation.NewFile(path).Revoke(t.Context(),
		revocation.Entry{JTI: "secret-id", Until: later()}, revocation.Entry{Subject: "ada", Before: later(), Until: later()}))
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "secret-id")
	require.NotContains(t, string(raw), "ada")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestBrokenFileIsAnError(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "r.json")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err := revocation.NewFile(path).Load(t.Context(), nil)
	require.ErrorContains(t, err, path)
	require.Error(t, revocation.NewFile(path).Revoke(t.Context(), revocation.Entry{JTI: "a", Until: later()}))
}

// TestCopyOutlivesItsStore: hung, gone or restarted empty, what is known stays in force
// until the store says otherwise.
func TestCopyOutlivesItsStore(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]func(*testsvc.Server){
		"hung": func(s *testsvc.Server) { s.Pause() },
		"gone": func(s *testsvc.Server) { s.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testsvc.StartRedis(t)
			store := revocation.NewRedis(connect(t, server.URL))
			failing := &watched{Store: store, failed: make(chan struct{}, 100)}
			c := revocation.Follow(failing, 10*time.Millisecond, slog.New(slog.DiscardHandler))
			t.Cleanup(func() { require.NoError(t, c.Close()) })
			require.NoError(t, store.Revoke(t.Context(), revocation.Entry{JTI: "a", Until: later()}))
			require.NotNil(t, c.Current(t.Context(), time.Minute))
			require.Eventually(t, func() bool { return c.Current(t.Context(), 0).Revoked("a", "", time.Time{}) }, time.Minute, 5*time.Millisecond)
			breakIt(server)
			select {
			case <-failing.failed:
			case <-time.After(time.Minute):
				t.Fatal("the store did not fail")
			}
			require.True(t, c.Current(t.Context(), 0).Revoked("a", "", time.Time{}))
		})
	}
}

// TestRedisRestartedEmpty: what it forgot does not become good again.
func TestRedisRestartedEmpty(t *testing.T) {
	t.Parallel()
	client := connect(t, testsvc.StartRedis(t).URL)
	store := revocation.NewRedis(client)
	require.NoError(t, store.Revoke(t.Context(), revocation.Entry{JTI: "a", Until: later()}))
	list := load(t, store, nil)
	require.NoError(t, client.FlushAll(t.Context()).Err())
	require.Same(t, list, load(t, store, list))
	require.NoError(t, store.Revoke(t.Context(), revocation.Entry{JTI: "b", Until: later()}))
	require.True(t, load(t, store, list).Revoked("b", "", time.Time{}))
}

func TestCopyIsNilWithoutAStore(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	server.Kill()
	c := revocation.Follow(revocation.NewRedis(connect(t, server.URL)), time.Hour, slog.New(slog.DiscardHandler))
	require.Nil(t, c.Current(t.Context(), time.Millisecond))
	require.NoError(t, c.Close())
}

// watched tells when a load fails.
type watched struct {
	revocation.Store
	failed chan struct{}
}

func (w *watched) Load(ctx context.Context, known *revocation.List) (*revocation.List, error) {
	list, err := w.Store.Load(ctx, known)
	if err != nil {
		select {
		case w.failed <- struct{}{}:
		default:
		}
	}
	return list, err
}
