package integration

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// officer returns the headers of somebody who may do everything.
func (s *stack) officer() http.Header {
	s.t.Helper()
	return bearer(s.tokenWith(jwt.MapClaims{"sub": "officer", "scope": "commands:write events:read events:admin sessions:write"}))
}

// do sends a request to the gateway as the officer, who must get the status.
func (s *stack) do(method, path string, body []byte, status int) answer {
	s.t.Helper()
	a, err := send(method, s.base+path, s.officer(), body)
	require.NoError(s.t, err)
	require.Equal(s.t, status, a.status, "%s %s: %s", method, path, a.body)
	return a
}

// backendCommand runs a command of botgate-backend to its success, and returns what it printed.
func (s *stack) backendCommand(args ...string) string {
	s.t.Helper()
	stdout, stderr, code := run(s.t, s.dir, s.env, "", backendBinary, args...)
	require.Zero(s.t, code, "%s: %s", args, stderr)
	return stdout
}

// TestErasedUserStaysErased erases a user, and finds nothing of them: not after a rebuild, not
// after their events arrive once more, and nothing missing of others.
func TestErasedUserStaysErased(t *testing.T) {
	t.Parallel()
	t.Run("Embedded", func(t *testing.T) {
		s := newStack(t)
		s.startEmbedded()
		s.requireErasable()
	})
	t.Run("Services", func(t *testing.T) {
		s := newStack(t)
		s.env = append(s.env, "BOTGATE_HISTORY=2h 64MiB")
		s.startServices()
		s.requireErasable()
	})
}

func (s *stack) requireErasable() {
	s.t.Helper()
	alice, bob := s.acceptMany("alice", 5), s.acceptMany("bob", 3)
	s.awaitAll(append(alice, bob...)...)
	known := time.Now()
	for _, user := range []string{"alice", "bob"} {
		s.do(http.MethodPut, "/v1/sessions/demo/"+user, []byte(`{"of":"`+user+`"}`), http.StatusCreated)
		kept := string(s.do(http.MethodGet, "/v1/users/"+user+"/data", nil, http.StatusOK).body)
		require.Contains(s.t, kept, `"of":"`+user+`"`)
		// So that the cache knows them.
		s.do(http.MethodGet, "/v1/users/"+user, nil, http.StatusOK)
	}
	others := s.do(http.MethodGet, "/v1/users/bob/data", nil, http.StatusOK).body

	a := s.do(http.MethodDelete, "/v1/users/alice/data", nil, http.StatusOK)
	require.JSONEq(s.t, `{"user":"alice","events":5}`, string(a.body))
	s.requireErased("alice", alice, known, bob[2])
	s.backendCommand("rebuild")
	s.requireErased("alice", alice, known, bob[2])

	// What was accepted before arrives late; what comes after it in the queue is a mark.
	require.Contains(s.t, s.replay("--to", "record"), "failed 0")
	mark := s.accept("carol", hello)
	s.awaitAll(append([]string{mark}, bob...)...)
	s.requireErased("alice", alice, known, mark)
	require.Equal(s.t, string(others), string(s.do(http.MethodGet, "/v1/users/bob/data", nil, http.StatusOK).body))

	// Who comes back is somebody new.
	again := s.accept("alice", hello)
	s.awaitAll(append([]string{mark, again}, bob...)...)
	kept := string(s.do(http.MethodGet, "/v1/users/alice/data", nil, http.StatusOK).body)
	require.Equal(s.t, 1, strings.Count(kept, "\n"), kept)
	require.Contains(s.t, kept, again)
}

// TestErasureIsKilled has a job erase a user with many events, and kills the process that does it: another one goes on
// once the lease of the first is over, which takes half a minute.
func TestErasureIsKilled(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, s *stack) {
		many := 3000 // A step is 200 entries, and 10 000 in PostgreSQL.
		if !s.embedded() {
			many = 25_000
		}
		mark := s.accept("bob", hello)
		s.awaitAll(mark)
		s.fillLog("alice", many)
		worker := s.startWorker()
		header := s.officer()
		header.Set("Prefer", "respond-async")
		a, err := send(http.MethodDelete, s.base+"/v1/users/alice/data", header, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
		var asked jobShown
		a.json(t, &asked)
		begun := s.awaitJob(asked.ID, func(j jobShown) bool { return j.Done > 0 })
		t.Logf("killed when %d of %d events were erased", begun.Done, many)
		s.replaceWorker(worker)
		done := s.awaitJob(asked.ID, func(j jobShown) bool { return j.Status == "done" })
		require.GreaterOrEqual(t, done.Done, begun.Done)
		s.do(http.MethodGet, "/v1/users/alice", nil, http.StatusNotFound)
		s.do(http.MethodGet, "/v1/users/bob", nil, http.StatusOK)
		shown := string(s.do(http.MethodGet, "/v1/jobs/"+asked.ID, nil, http.StatusOK).body)
		require.Contains(t, shown, `"asked_by":"officer"`)
		audit := string(s.do(http.MethodGet, "/v1/audit", nil, http.StatusOK).body)
		require.Contains(t, audit, asked.ID)
		require.NotContains(t, shown+audit, "alice", "who was erased is in neither")
	})
}

// fillLog writes events of a user to the log, as if they had been accepted and delivered to nobody yet.
func (s *stack) fillLog(user string, many int) {
	s.t.Helper()
	for range many / 1000 {
		batch := make([]store.Entry, 1000)
		for i := range batch {
			id, err := event.NewID(user)
			require.NoError(s.t, err)
			e := &event.Event{ID: id, Bot: "demo", Type: "command", Subject: user, Time: time.Now().Add(-time.Minute)}
			e.Normalize()
			batch[i], err = store.NewEntry(e)
			require.NoError(s.t, err)
		}
		_, err := s.store().Append(s.t.Context(), batch)
		require.NoError(s.t, err)
	}
}

// requireErased asks every endpoint for what there was of a user. The log is streamed from its
// beginning up to the event last.
func (s *stack) requireErased(user string, ids []string, known time.Time, last string) {
	s.t.Helper()
	at := "?at=" + known.UTC().Format(time.RFC3339Nano)
	for _, path := range []string{
		"/v1/users/" + user, "/v1/users/" + user + at, "/v1/users/" + user + "/data", "/v1/sessions/demo/" + user,
	} {
		s.do(http.MethodGet, path, nil, http.StatusNotFound)
	}
	for _, id := range ids {
		s.do(http.MethodGet, "/v1/events/"+id, nil, http.StatusNotFound)
		s.do(http.MethodGet, "/v1/events/"+id+at, nil, http.StatusNotFound)
	}
	require.JSONEq(s.t, `{"events":[]}`, string(s.do(http.MethodGet, "/v1/events?user="+user, nil, http.StatusOK).body))
	all := string(s.do(http.MethodGet, "/v1/events?limit=200", nil, http.StatusOK).body)
	require.Contains(s.t, all, last)
	streamed := ""
	for line := range s.stream("demo") {
		if streamed += line; strings.Contains(line, last) {
			break
		}
	}
	require.Contains(s.t, streamed, last)
	for _, id := range ids {
		require.NotContains(s.t, all+streamed, id)
	}
}
