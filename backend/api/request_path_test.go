package api

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// TestIDsInUpperCase: RFC 9562, section 4, has UUIDs compared without regard to case.
func TestIDsInUpperCase(t *testing.T) {
	t.Parallel()
	const id = "6d698562-2436-85be-aed6-8dc36645a007"
	for given, want := range map[string]string{strings.ToUpper(id): id, id: id, "ID-1": "ID-1", "{" + id + "}": "{" + id + "}"} {
		reader := &fakeReader{record: record("", nil)}
		require.Equal(t, 200, ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/events/"+given).Code)
		require.Equal(t, want, reader.id)
	}
}

// TestTimesInLowerCase: RFC 3339, sections 5.6 and 5.7.
func TestTimesInLowerCase(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"2026-11-28t05:00:00z": "2026-11-28T05:00:00Z", "2016-12-31T23:59:60Z": "2017-01-01T00:00:00Z",
	} {
		reader := &fakeReader{user: &store.User{Bots: []store.UserBot{{}}}}
		require.Equal(t, 200, ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/users/a?at="+given).Code)
		require.Equal(t, want, reader.userQuery.At.Format(time.RFC3339))
	}
	w := ask(t, handler(t, Config{Reader: &fakeReader{}}), "GET", "/v1/users/a?at=2026-11-28T05:00:00,5Z")
	requireProblem(t, w, 400, "malformed")
}

// TestUsersOfAnyName are asked for by the name as it was given.
func TestUsersOfAnyName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("u", 600)
	for path, want := range map[string]string{
		"a%2Fb": "a/b", "x%2Fdata": "x/data", "100%25": "100%", "%F0%9F%98%80": "😀", "a%5Cb": `a\b`, "%252F": "%2F", "a%20b": "a b",
		long: event.Name(long), "a%00b": event.Name("a\x00b"),
	} {
		reader := &fakeReader{user: &store.User{Bots: []store.UserBot{{}}}, page: &store.Page{}}
		h := handler(t, Config{Reader: reader})
		require.Equal(t, 200, ask(t, h, "GET", "/v1/users/"+path).Code, path)
		require.Equal(t, want, reader.userQuery.Subject)
		require.Equal(t, 200, ask(t, h, "GET", "/v1/events?user="+path).Code, path)
		require.Equal(t, want, reader.query.Subject)
	}
	require.NotEqual(t, event.Name(long), event.Name(long+"x"))
}

// TestUnclearPaths are refused, where the mux would redirect: a client must not get another path than it asked for.
func TestUnclearPaths(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/v1/users/%2E%2E", "/v1/users/../events", "/v1/./events", "/v1//events", "/v1/sessions/demo/..%2f..%2fevents%2fx",
		"/v1/users/..%5Cevents/data", "/v1/dead/..%2fevents", "/v1/users/a%2F.",
	} {
		reader := &fakeReader{page: &store.Page{}}
		requireProblem(t, ask(t, handler(t, Config{Reader: reader}), "GET", path), 400, "malformed")
		require.Zero(t, reader.calls)
	}
}
