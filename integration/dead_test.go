package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// deadLetter is what the API and the command line show of a dead letter.
type deadLetter struct {
	ID, Reason string
	Attempts   int
	History    []struct {
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
func (s *stack) deadAPI(method, path string, into any) {
	s.t.Helper()
	a, err := send(method, s.base+"/v1/dead"+path, bearer(s.tokenWith(jwt.MapClaims{"scope": "events:admin"})), nil)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
	a.json(s.t, into)
}

// TestDeadLetters has a bot refuse events for good, and follows them from there.
func TestDeadLetters(t *testing.T) {
	forEachEngine(t, func(t *testing.T, s *stack) {
		s.bot.failWith(func(delivered) int { return http.StatusGone })
		ids := map[string]string{}
		for _, name := range []string{"alice", "bob", "carol"} {
			ids[name] = s.accept(name, []byte(`{"command":"/hello","args":["`+name+`"]}`))
		}
		for _, id := range ids {
			s.awaitStatus(id, "dead")
		}
		eventually(t, func() error {
			if n := strings.Count(s.dead("list", "--bot", "demo", "--json"), "\n"); n != len(ids) {
				return fmt.Errorf("%d dead letters", n)
			}
			return nil
		})
		s.lookAtDead(t, ids["alice"])

		s.bot.failWith(nil)
		require.Equal(t, "replayed 1\n", s.dead("replay", ids["alice"]))
		var moved struct{ Replayed, Dropped int }
		s.deadAPI(http.MethodPost, "/replay?user=bob", &moved)
		require.Equal(t, 1, moved.Replayed)
		s.deadAPI(http.MethodDelete, "/"+ids["carol"], &moved)
		require.Equal(t, 1, moved.Dropped)

		for _, name := range []string{"alice", "bob"} {
			s.awaitStatus(ids[name], "delivered")
			var e struct {
				Attempts []struct {
					Status           string
					Attempt, Replays int
				}
			}
			// That it was replayed and that it was delivered are recorded in any order.
			eventually(t, func() error {
				s.get(s.officer(), "/v1/events/"+ids[name]).json(t, &e)
				if len(e.Attempts) != 3 {
					return fmt.Errorf("%d attempts", len(e.Attempts))
				}
				return nil
			})
			require.Equal(t, "replayed", e.Attempts[1].Status)
			require.Equal(t, 1, e.Attempts[2].Attempt)
			require.Equal(t, 1, e.Attempts[2].Replays)
		}
		s.awaitStatus(ids["carol"], "dead")
		got := map[string]int{}
		for _, d := range s.bot.all() {
			got[d.id]++
		}
		require.Equal(t, map[string]int{ids["alice"]: 1, ids["bob"]: 1}, got)
		require.Empty(t, s.dead("list", "--json"))
		_, stderr, code := run(t, s.dir, s.env, "", backendBinary, "dead", "replay", ids["alice"])
		require.Equal(t, 1, code)
		require.Contains(t, stderr, "no such dead letter")
	})
}

// lookAtDead finds one dead letter by all ways.
func (s *stack) lookAtDead(t *testing.T, id string) {
	t.Helper()
	var page struct{ Dead []deadLetter }
	s.deadAPI(http.MethodGet, "?user=alice&reason=refused", &page)
	require.Len(t, page.Dead, 1)
	var byAPI, byCommand deadLetter
	s.deadAPI(http.MethodGet, "/"+id, &byAPI)
	require.NoError(t, json.Unmarshal([]byte(s.dead("show", id)), &byCommand))
	for _, l := range []deadLetter{page.Dead[0], byAPI, byCommand} {
		require.Equal(t, id, l.ID)
		require.Contains(t, l.Reason, "refused for good")
		require.Equal(t, 1, l.Attempts)
		require.Len(t, l.History, 1)
		require.Equal(t, http.StatusGone, l.History[0].StatusCode)
	}
	require.Contains(t, string(byAPI.Data), "alice")
	require.True(t, bytes.Contains(byCommand.Data, []byte("alice")))
	a, err := send(http.MethodGet, s.base+"/v1/dead", bearer(s.token("alice")), nil)
	require.NoError(t, err)
	requireProblem(t, a, http.StatusForbidden, "insufficient-scope")
}
