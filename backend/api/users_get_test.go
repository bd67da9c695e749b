package api

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
)

func TestUser(t *testing.T) {
	t.Parallel()
	counts := store.Counts{Accepted: 1, Deferred: 2, Delivered: 3, Failed: 4, Dead: 5, Expired: 6, Replayed: 7, Dropped: 8}
	for name, query := range map[string]string{"42": "42", "a b/ü?": "a%20b%2F%C3%BC%3F", "...": "...", "a//b": "a%2f%2fb"} {
		reader := &fakeReader{user: &store.User{Subject: name, Bots: []store.UserBot{{Bot: "demo", Counts: counts, First: at, Last: at.Add(time.Hour)}}}}
		h := handler(t, Config{Reader: reader})
		w := ask(t, h, "GET", "/v1/users/"+query)
		require.Equal(t, 200, w.Code, w.Body)
		require.JSONEq(t, fmt.Sprintf(`{"user":%q,"bots":[{"bot":"demo",
			"counts":{"accepted":1,"deferred":2,"delivered":3,"failed":4,"dead":5,"expired":6,"replayed":7,"dropped":8},
			"first":"2026-03-04T05:06:07.000891Z","last":"2026-03-04T06:06:07.000891Z"}],
			"links":{"events":"/v1/events?user=%s"}}`, name, url.QueryEscape(name)), w.Body.String())
		require.NotEmpty(t, w.Header().Get("ETag"))
		require.Equal(t, store.UserQuery{Subject: name}, reader.userQuery)

		w = ask(t, h, "GET", "/v1/users/"+query+"?bot=demo&at=2026-03-04T06:00:00%2B01:00")
		require.Equal(t, store.UserQuery{Subject: name, Bot: "demo", At: time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)}, reader.userQuery)
		require.Contains(t, w.Body.String(), `"at":"2026-03-04T05:00:00Z"`)
		require.Contains(t, w.Body.String(), `/v1/events?bot=demo\u0026user=`)
	}
}

func TestUserRefusals(t *testing.T) {
	t.Parallel()
	nobody := &fakeReader{user: &store.User{}}
	for target, want := range map[string]struct {
		status int
		slug   string
	}{
		"/v1/users/nobody":                      {404, "unknown-user"},
		"/v1/users/%00":                         {404, "unknown-user"},
		"/v1/users/%ff":                         {404, "unknown-user"},
		"/v1/users/":                            {404, "not-found"},
		"/v1/users/a/b":                         {404, "not-found"},
		"/v1/users/a?at=then":                   {400, "malformed"},
		"/v1/users/a?bot=%00":                   {400, "malformed"},
		"/v1/users/a?user=b":                    {400, "malformed"},
		"/v1/users/" + strings.Repeat("x", 513): {404, "unknown-user"},
	} {
		requireProblem(t, ask(t, handler(t, Config{Reader: nobody}), "GET", target), want.status, want.slug)
	}
	require.Equal(t, 3, nobody.calls)
	requireProblem(t, ask(t, handler(t, Config{Reader: &fakeReader{err: store.ErrUnavailable}}), "GET", "/v1/users/a"), 503, "unavailable")
}
