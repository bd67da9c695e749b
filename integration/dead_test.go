package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// deadLetter is what the API and the command line show of a dead letter.
type deadLetter struct {
	ID, Bot, Reason string
	Attempts        int
	StatusCode      int `json:"status_code"`
	History         []struct {
		StatusCode int `json:"status_code"`
		Error      string
	}
	Data json.RawMessage
}

// accept sends a command and returns its event's id.
func (s *stack) accept(user string, body []byte) string {
	s.t.Helper()
	a, err := s.command(s.token(user), "", body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusAccepted, a.status, "%s", a.body)
	return a.header.Get("Location")[len("/v1/events/"):]
}

// awaitStatus waits until the API shows an event with the status.
func (s *stack) awaitStatus(id, status string) answer {
	s.t.Helper()
	var a answer
	eventually(s.t, func() error {
		var got string
		if got, a = s.eventStatus(s.token("alice"), id); got != status {
			return fmt.Errorf("event %s is %q instead of %s", id, got, status)
		}
		return nil
	})
	return a
}

// dead runs "botgate-backend dead".
func (s *stack) dead(args ...string) string {
	s.t.Helper()
	stdout, stderr, code := run(s.t, s.dir, s.env, "", backendBinary, append([]string{"dead"}, args...)...)
	require.Zero(s.t, code, stderr)
	return stdout
}

// deadAPI asks the API with the scope for dead letters.
func (s *stack) deadAPI(method, path string, status int, into any) {
	s.t.Helper()
	a, err := send(method, s.base+"/v1/dead"+path, bearer(s.tokenWith(jwt.MapClaims{"scope": "events:admin"})), nil)
	require.NoError(s.t, err)
	require.Equal(s.t, status, a.status, "%s", a.body)
	a.json(s.t, into)
}

// deadJob asks the API for a job on dead letters, and waits until it is done.
func (s *stack) deadJob(method, path string) {
	s.t.Helper()
	var asked jobShown
	s.deadAPI(method, path, http.StatusAccepted, &asked)
	s.awaitJob(asked.ID, func(j jobShown) bool { return j.Status == "done" })
}

// requireAudited looks for who had bob's dead letters replayed and one dropped, whatever name the caller gave.
func (s *stack) requireAudited(t *testing.T, dropped string) {
	t.Helper()
	header := bearer(s.tokenWith(jwt.MapClaims{"sub": "officer", "scope": "events:admin"}))
	header.Set("X-Botgate-User", "somebody else")
	_, err := send(http.MethodDelete, s.base+"/v1/dead/nothing", header, nil)
	require.NoError(t, err)
	audit := string(s.get(header, "/v1/audit?limit=50").body)
	require.Contains(t, audit, `"by":"alice","action":"POST /v1/dead/replay","target":"/v1/dead/replay?bot=demo\u0026user=`)
	require.Contains(t, audit, `"by":"alice","action":"DELETE /v1/dead/{id}","target":"/v1/dead/`+dropped+`","status":202,"job":"`)
	require.Contains(t, audit, `"by":"officer","action":"DELETE /v1/dead/{id}","target":"/v1/dead/nothing","status":404}`)
	require.NotContains(t, audit, "bob")
	require.Contains(t, string(s.get(header, "/v1/jobs").body), `"asked_by":"alice"`)
}

// startWorker runs a backend for jobs where no other process works on them.
func (s *stack) startWorker() *process {
	if s.embedded() {
		return s.gateway
	}
	return s.backend("jobs")
}

// replaceWorker kills the process that works on jobs, and starts another one.
func (s *stack) replaceWorker(worker *process) {
	s.t.Helper()
	worker.kill()
	if s.embedded() {
		s.startGateway()
		return
	}
	s.startWorker()
}

// twoBots puts another bot beside demo.
func (s *stack) twoBots() *bot {
	s.t.Helper()
	other := newBot(s.t, filepath.Join(s.dir, "data", "demo-bot.secret"))
	content := fmt.Sprintf(`{"bots":{"demo":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"]},"other":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"]}}}`,
		s.bot.server.URL+"/events", other.server.URL+"/events")
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte(content), 0o600))
	return other
}

// forEachEngineWithBots is forEachEngine with two bots.
func forEachEngineWithBots(t *testing.T, test func(t *testing.T, s *stack, other *bot)) {
	t.Helper()
	for name, start := range map[string]func(*stack){"Embedded": (*stack).startEmbedded, "Services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			other := s.twoBots()
			start(s)
			test(t, s, other)
		})
	}
}

func gone(delivered) int { return http.StatusGone }

// TestDeadLetters has bots refuse events for good, and follows them from there.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	forEachEngineWithBots(t, func(t *testing.T, s *stack, other *bot) {
		s.startWorker()
		s.bot.failWith(gone)
		other.failWith(gone)
		ids := map[string]string{}
		for _, name := range []string{"alice", "bob", "carol"} {
			ids[name] = s.accept(name, []byte(`{"command":"/hello","args":["`+name+`"]}`))
		}
		s.commandTo("other", "bob", 1)
		for _, id := range ids {
			s.awaitStatus(id, "dead")
		}
		s.awaitDead("", 4)
		require.Equal(t, 3, strings.Count(s.dead("list", "--bot", "demo", "--json"), "\n"))
		s.lookAtDead(t, ids["alice"])

		s.bot.failWith(nil)
		other.failWith(nil)
		require.Equal(t, "replayed 1\n", s.dead("replay", ids["alice"]))
		s.deadJob(http.MethodPost, "/replay?user=bob&bot=demo")
		s.deadJob(http.MethodDelete, "/"+ids["carol"])
		s.requireAudited(t, ids["carol"])

		for _, name := range []string{"alice", "bob"} {
			s.awaitStatus(ids[name], "delivered")
			s.requireReplayed(t, ids[name])
		}
		s.awaitStatus(ids["carol"], "dropped")
		got := map[string]int{}
		for _, d := range s.bot.all() {
			require.Equal(t, d.id+".r1", d.webhookID)
			got[d.id]++
		}
		require.Equal(t, map[string]int{ids["alice"]: 1, ids["bob"]: 1}, got)
		require.Empty(t, other.all(), "its dead letter is of the user bob, too")
		s.awaitDead("", 1)
		require.Equal(t, "dropped 1\n", s.dead("drop", "--bot", "other"))
		s.awaitDead("", 0)
		require.Empty(t, s.dead("list", "--json"))
		_, stderr, code := run(t, s.dir, s.env, "", backendBinary, "dead", "replay", ids["alice"])
		require.Equal(t, 1, code)
		require.Contains(t, stderr, "no such dead letter, its status is delivered")
		require.NotContains(t, s.dead("rejected", "list"), ids["alice"])
	})
}

// awaitDead waits until the summary by the query counts so many.
func (s *stack) awaitDead(query string, n int) {
	s.t.Helper()
	eventually(s.t, func() error {
		var sum struct{ Count int }
		if s.deadAPI(http.MethodGet, "/summary"+query, http.StatusOK, &sum); sum.Count != n {
			return fmt.Errorf("%d dead letters", sum.Count)
		}
		return nil
	})
}

// requireReplayed looks at the attempts of an event that died once and was then delivered. That it was
// replayed and that it was delivered are recorded in any order.
func (s *stack) requireReplayed(t *testing.T, id string) {
	t.Helper()
	var e struct {
		Attempts []struct {
			Status           string
			Attempt, Replays int
		}
	}
	eventually(t, func() error {
		s.get(s.officer(), "/v1/events/"+id).json(t, &e)
		if len(e.Attempts) != 3 {
			return fmt.Errorf("%d attempts", len(e.Attempts))
		}
		return nil
	})
	require.Equal(t, "replayed", e.Attempts[1].Status)
	require.Equal(t, 1, e.Attempts[2].Attempt)
	require.Equal(t, 1, e.Attempts[2].Replays)
}

// lookAtDead finds one dead letter by all ways.
func (s *stack) lookAtDead(t *testing.T, id string) {
	t.Helper()
	var page struct{ Dead []deadLetter }
	s.deadAPI(http.MethodGet, "?user=alice&reason=refused&since=1h", http.StatusOK, &page)
	require.Len(t, page.Dead, 1)
	var byAPI, byCommand deadLetter
	s.deadAPI(http.MethodGet, "/"+id, http.StatusOK, &byAPI)
	require.NoError(t, json.Unmarshal([]byte(s.dead("show", id)), &byCommand))
	for _, l := range []deadLetter{page.Dead[0], byAPI, byCommand} {
		require.Equal(t, id, l.ID)
		require.Equal(t, "refused for good: the bot answered 410", l.Reason)
		require.Equal(t, 1, l.Attempts)
		require.Equal(t, http.StatusGone, l.StatusCode)
	}
	require.Len(t, byAPI.History, 1)
	require.Contains(t, string(byAPI.Data), "alice")
	require.True(t, bytes.Contains(byCommand.Data, []byte("alice")))
	require.Contains(t, s.dead("summary"), "reason refused for good: the bot answered 410")
	a, err := send(http.MethodGet, s.base+"/v1/dead", bearer(s.token("alice")), nil)
	require.NoError(t, err)
	requireProblem(t, a, http.StatusForbidden, "insufficient-scope")
}
