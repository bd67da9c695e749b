package session_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/session"
)

func service(t *testing.T, e session.Engine) *session.Sessions {
	t.Helper()
	s, err := session.New(session.Config{Engine: e})
	require.NoError(t, err)
	return s
}

// sessions goes through all that a bot does.
func sessions(t *testing.T, open openEngine) {
	s, ctx := service(t, open(t)), t.Context()
	always := session.Condition{}
	_, err := s.Get(ctx, key)
	require.ErrorIs(t, err, session.ErrNotFound)

	first, created, err := s.Put(ctx, key, []byte(`{"step": 1, "name": "Ann"}`), time.Hour, session.Condition{Missing: true})
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, time.Hour, first.ExpiresAt.Sub(first.UpdatedAt))
	got, err := s.Get(ctx, key)
	require.NoError(t, err)
	require.Equal(t, first, got)
	_, _, err = s.Put(ctx, key, []byte(`{}`), 0, session.Condition{Missing: true})
	require.ErrorIs(t, err, session.ErrCondition)

	second, created, err := s.Patch(ctx, key, []byte(`{"step":2,"name":null,"cart":{"x":1}}`), 0, session.Condition{Versions: []string{"other", first.Version}})
	require.NoError(t, err)
	require.False(t, created)
	require.JSONEq(t, `{"step":2,"cart":{"x":1}}`, string(second.Data))
	require.Equal(t, 24*time.Hour, second.ExpiresAt.Sub(second.UpdatedAt))
	require.NotEqual(t, first.Version, second.Version)
	_, _, err = s.Put(ctx, key, []byte(`{}`), 0, session.Condition{Versions: []string{first.Version}})
	require.ErrorIs(t, err, session.ErrCondition)
	require.ErrorIs(t, s.Delete(ctx, key, session.Condition{Versions: []string{first.Version}}), session.ErrCondition)

	other := session.Key{Bot: "other", User: key.User}
	_, created, err = s.Patch(ctx, other, []byte(`{"a":null}`), 0, always)
	require.NoError(t, err)
	require.True(t, created)
	requireListed(t, s, map[string]string{"demo": `{"step":2,"cart":{"x":1}}`, "other": `{}`})

	require.NoError(t, s.Delete(ctx, key, session.Condition{Exists: true}))
	require.ErrorIs(t, s.Delete(ctx, key, always), session.ErrNotFound)
	require.ErrorIs(t, s.Delete(ctx, key, session.Condition{Exists: true}), session.ErrCondition)
	requireListed(t, s, map[string]string{"other": `{}`})
	require.NoError(t, s.DeleteUser(ctx, key.User))
	requireListed(t, s, map[string]string{})
}

func requireListed(t *testing.T, s *session.Sessions, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for found, err := range s.ListUser(t.Context(), key.User) {
		require.NoError(t, err)
		require.Equal(t, key.User, found.User)
		got[found.Bot] = string(found.Data)
	}
	require.Len(t, got, len(want))
	for bot, document := range want {
		require.JSONEq(t, document, got[bot], bot)
	}
}
