package session_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/session"
)

// openEngine returns an engine that is empty and ready. Two of one test have the same sessions,
// as two processes do.
type openEngine func(t *testing.T) session.Engine

// conformance checks that an engine does what [session.Engine] promises. Each test calls fresh
// once, for a place of its own.
func conformance(t *testing.T, fresh func(t *testing.T) openEngine) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, openEngine){
		"RoundTrip":    roundTrip,
		"Compare":      compare,
		"Ended":        ended,
		"Remove":       remove,
		"HostileKeys":  hostileKeys,
		"Users":        users,
		"ManyBots":     manyBots,
		"Sweep":        sweep,
		"OneWinner":    oneWinner,
		"NothingLost":  nothingLost,
		"Erased":       erased,
		"EndedContext": endedContext,
		"Sessions":     sessions,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, fresh(t))
		})
	}
}

// start is when the sessions of the tests are written. Redis ends sessions by a clock of
// its own; all others live long enough not to meet it.
var start = time.Now().UTC().Truncate(time.Microsecond)

const life = time.Hour

// version returns the n-th version of a session.
func version(k session.Key, n int) *session.Session {
	return &session.Session{
		Key: k, Version: fmt.Sprintf("v%d", n), Data: fmt.Appendf(nil, `{"n":%d}`, n),
		UpdatedAt: start, ExpiresAt: start.Add(life),
	}
}

func store(t *testing.T, e session.Engine, s *session.Session, was string) {
	t.Helper()
	require.NoError(t, e.Store(t.Context(), s, was))
}

func requireStored(t *testing.T, e session.Engine, want *session.Session) {
	t.Helper()
	got, err := e.Load(t.Context(), want.Key, start)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func requireMissing(t *testing.T, e session.Engine, k session.Key, at time.Time) {
	t.Helper()
	_, err := e.Load(t.Context(), k, at)
	require.ErrorIs(t, err, session.ErrNotFound)
}

func roundTrip(t *testing.T, open openEngine) {
	one, other := open(t), open(t)
	require.NoError(t, one.Ready(t.Context()))
	requireMissing(t, one, key, start)
	for n, data := range []string{`{}`, "{\"\u2028\":\"\\u0000é\r\n\"} ", `{"x":"` + strings.Repeat("x", 1<<20) + `"}`} {
		s := version(session.Key{Bot: "demo", User: fmt.Sprint(n)}, n)
		s.Data = []byte(data)
		store(t, one, s, "")
		requireStored(t, other, s)
	}
}

func compare(t *testing.T, open openEngine) {
	one, other := open(t), open(t)
	ctx := t.Context()
	require.ErrorIs(t, one.Store(ctx, version(key, 1), "v0"), session.ErrConflict, "none is there")
	requireMissing(t, one, key, start)

	store(t, one, version(key, 1), "")
	require.ErrorIs(t, other.Store(ctx, version(key, 2), ""), session.ErrConflict)
	require.ErrorIs(t, other.Store(ctx, version(key, 2), "v0"), session.ErrConflict)
	require.ErrorIs(t, other.Store(ctx, version(key, 2), "V1"), session.ErrConflict)
	requireStored(t, one, version(key, 1))

	store(t, other, version(key, 2), "v1")
	require.ErrorIs(t, one.Store(ctx, version(key, 3), "v1"), session.ErrConflict)
	requireStored(t, one, version(key, 2))
}

func ended(t *testing.T, open openEngine) {
	e := open(t)
	store(t, e, version(key, 1), "")
	end := start.Add(life)
	_, err := e.Load(t.Context(), key, end.Add(-time.Microsecond))
	require.NoError(t, err)
	requireMissing(t, e, key, end)

	next := version(key, 2)
	next.UpdatedAt, next.ExpiresAt = end.Add(-time.Microsecond), end.Add(life)
	require.ErrorIs(t, e.Store(t.Context(), next, ""), session.ErrConflict, "it is there to the end")
	next.UpdatedAt = end
	store(t, e, next, "")
	requireStored(t, e, next)

	short := version(key, 3)
	short.ExpiresAt = start.Add(time.Millisecond)
	store(t, e, short, "v2")
	requireMissing(t, e, key, start.Add(time.Millisecond))
}

func remove(t *testing.T, open openEngine) {
	e := open(t)
	ctx := t.Context()
	require.ErrorIs(t, e.Remove(ctx, key, "v1"), session.ErrConflict)
	store(t, e, version(key, 1), "")
	require.ErrorIs(t, e.Remove(ctx, key, "v0"), session.ErrConflict)
	requireStored(t, e, version(key, 1))
	require.NoError(t, e.Remove(ctx, key, "v1"))
	requireMissing(t, e, key, start)
	requireBots(t, e, key.User, nil)
	store(t, e, version(key, 2), "")
	requireStored(t, e, version(key, 2))
}

// hostileKeys has names that would be each other's, were they not kept apart.
func hostileKeys(t *testing.T, open openEngine) {
	e := open(t)
	names := []string{
		"a", "A", "a ", " a", "a:b", "b", "a}:b", "{a}", "{a", "a}", "{", "}", "{}", "*", "a*", "?", "%", "_", "%61", "a%3Ab",
		"+", "%2B", "a\nb", "a\r\n", "'", "' or 1=1 --", `"`, `\`, "..", ".", "a/b", "é", "e\u0301", "\u202e", "\U0001f600", "null",
		strings.Repeat("u", 512),
	}
	bots := []string{"a", "a:b", "}", "{a}", "*", "%61"}
	var all []*session.Session
	for _, name := range names {
		for _, bot := range bots {
			all = append(all, version(session.Key{Bot: bot, User: name}, len(all)))
		}
		all = append(all, version(session.Key{Bot: name, User: "bots"}, len(all)))
	}
	for _, s := range all {
		store(t, e, s, "")
	}
	for _, s := range all {
		requireStored(t, e, s)
	}
	requireBots(t, e, "bots", names)
	require.NoError(t, e.RemoveUser(t.Context(), "{a}"))
	for _, name := range names {
		if name == "{a}" {
			requireBots(t, e, name, nil)
			requireMissing(t, e, session.Key{Bot: "a", User: name}, start)
		} else {
			requireBots(t, e, name, bots)
		}
	}
	requireBots(t, e, "bots", names)
}

func requireBots(t *testing.T, e session.Engine, user string, want []string) {
	t.Helper()
	bots, err := e.Bots(t.Context(), user)
	require.NoError(t, err)
	require.ElementsMatch(t, want, bots, "%q", user)
}

func users(t *testing.T, open openEngine) {
	e := open(t)
	ctx := t.Context()
	require.NoError(t, e.RemoveUser(ctx, "42"), "nobody knows them")
	for _, k := range []session.Key{{Bot: "a", User: "42"}, {Bot: "b", User: "42"}, {Bot: "a", User: "43"}} {
		store(t, e, version(k, 1), "")
	}
	requireBots(t, e, "42", []string{"a", "b"})

	require.NoError(t, e.RemoveUser(ctx, "42"))
	requireBots(t, e, "42", nil)
	requireMissing(t, e, session.Key{Bot: "a", User: "42"}, start)
	requireMissing(t, e, session.Key{Bot: "b", User: "42"}, start)
	requireStored(t, e, version(session.Key{Bot: "a", User: "43"}, 1))
}

func manyBots(t *testing.T, open openEngine) {
	e := open(t)
	const many = 250
	for n := range many {
		store(t, e, version(session.Key{Bot: fmt.Sprint(n), User: "42"}, n), "")
	}
	require.NoError(t, e.RemoveUser(t.Context(), "42"))
	for n := range many {
		requireMissing(t, e, session.Key{Bot: fmt.Sprint(n), User: "42"}, start)
	}
}

func sweep(t *testing.T, open openEngine) {
	e := open(t)
	const old = 10
	for n := range old + 1 {
		s := version(session.Key{Bot: "demo", User: fmt.Sprint(n)}, n)
		if n < old {
			s.ExpiresAt = start.Add(time.Duration(n+1) * time.Second)
		}
		store(t, e, s, "")
	}
	removed, err := e.Sweep(t.Context(), start, 3)
	require.NoError(t, err)
	require.Zero(t, removed, "all of them live")
	later := start.Add(old * time.Second)
	for total := 0; total < old; total += removed {
		removed, err = e.Sweep(t.Context(), later, 3)
		require.NoError(t, err)
		if removed == 0 {
			break // An engine that ends them by itself.
		}
		require.Equal(t, min(3, old-total), removed)
	}
	for n := range old {
		requireMissing(t, e, session.Key{Bot: "demo", User: fmt.Sprint(n)}, later)
	}
	requireStored(t, e, version(session.Key{Bot: "demo", User: fmt.Sprint(old)}, old))
}
