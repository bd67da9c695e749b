package postgres_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/testsvc"
)

// requireUnavailable checks that every call says so instead of blaming its arguments.
func requireUnavailable(t *testing.T, s *postgres.Store) {
	t.Helper()
	ctx := t.Context()
	require.ErrorIs(t, storetest.Append(ctx, s, storetest.Events(2)), store.ErrUnavailable)
	require.ErrorIs(t, s.Ready(ctx), store.ErrUnavailable)
	_, err := s.Get(ctx, storetest.Event(0).ID)
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = s.List(ctx, store.Query{Limit: 1})
	require.ErrorIs(t, err, store.ErrUnavailable)
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	s := open(t, "postgres://u:hunter2@"+address+"/db?sslmode=disable")
	requireUnavailable(t, s)
	err = s.Migrate(t.Context())
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NotContains(t, err.Error(), "hunter2")
}

func TestServerDies(t *testing.T) {
	t.Parallel()
	server := testsvc.StartPostgres(t)
	s := migrated(t, server.URL)
	require.NoError(t, storetest.Append(t.Context(), s, storetest.Events(1)))

	server.Kill()
	requireUnavailable(t, s)

	server.Restart()
	require.Eventually(t, func() bool { return s.Ready(t.Context()) == nil }, time.Minute, 20*time.Millisecond)
	require.Eventually(t, func() bool {
		return storetest.Append(t.Context(), s, storetest.Events(2)) == nil
	}, time.Minute, 20*time.Millisecond)
	page, err := s.List(t.Context(), store.Query{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Records, 2)
}

// TestServerHangs has a server that keeps its connections and answers nothing, so that
// only the client's own bound helps.
func TestServerHangs(t *testing.T) {
	t.Parallel()
	server := testsvc.StartPostgres(t)
	migrated(t, server.URL)
	s, err := postgres.Open(t.Context(), postgres.Config{URL: server.URL + "&connect_timeout=1", StatementTimeout: time.Second})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.Ready(t.Context()) == nil }, time.Minute, 20*time.Millisecond)

	server.Pause()
	require.ErrorIs(t, storetest.Append(t.Context(), s, storetest.Events(1)), store.ErrUnavailable)
	server.Resume()
	require.NoError(t, s.Close())
}
