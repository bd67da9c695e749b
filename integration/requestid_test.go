package integration

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/requestid"
)

// TestOneRequestIDFromTheAnswerToTheBot follows two commands, the second of whom comes twice, and looks at answers
// that are none of a handler of Botgate.
func TestOneRequestIDFromTheAnswerToTheBot(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, s *stack) {
		token := s.token("alice")
		first, err := s.command(token, "", []byte(`{"command":"/one"}`))
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, first.status)
		second, err := s.command(token, "key-1", []byte(`{"command":"/two"}`))
		require.NoError(t, err)
		repeat, err := s.command(token, "key-1", []byte(`{"command":"/two"}`))
		require.NoError(t, err)
		require.Equal(t, "true", repeat.header.Get("Idempotency-Replayed"))
		ids := map[string]string{}
		for _, a := range []answer{first, second, repeat} {
			id := a.header.Get(requestid.Header)
			require.True(t, requestid.Valid(id), id)
			require.NotContains(t, ids, id)
			ids[id] = a.header.Get("Location")
		}
		delete(ids, repeat.header.Get(requestid.Header))

		for id, location := range ids {
			eventually(t, func() error {
				a, err := send(http.MethodGet, s.base+location, bearer(token), nil)
				if err != nil || a.status != http.StatusOK {
					return fmt.Errorf("%d %w", a.status, err)
				}
				require.Len(t, a.header.Values(requestid.Header), 1, "the gateway's, and not the backend's beside it")
				var shown struct{ RequestID, Status string }
				a.json(t, &shown)
				if shown.Status != "delivered" {
					return fmt.Errorf("%s is %s", location, shown.Status)
				}
				require.Equal(t, id, shown.RequestID)
				return nil
			})
		}
		for _, d := range s.bot.all() {
			location, known := ids[d.requestID]
			require.True(t, known, d.requestID)
			require.Equal(t, "/v1/events/"+d.id, location)
		}

		for path, status := range map[string]int{"/nothing": 404, "/v1//events": 400, "/v1/events": 401, "/healthz": 200} {
			header := http.Header{requestid.Header: {"chosen-by-a-stranger"}}
			a, err := send(http.MethodGet, s.base+path, header, nil)
			require.NoError(t, err)
			require.Equal(t, status, a.status, path)
			require.Len(t, a.header.Values(requestid.Header), 1, path)
			id := a.header.Get(requestid.Header)
			require.True(t, requestid.Valid(id) && id != "chosen-by-a-stranger", path)
			if status == http.StatusUnauthorized {
				s.gateway.awaitLog(t, `"request_id":"`+id+`"`, 1)
			}
		}
	})
}

// TestRequestIDStaysWithTheEvent has a trusted proxy choose the ids of two requests, and another one that is not
// trusted try to. The delivery of the first event breaks off with its process, and both are replayed.
func TestRequestIDStaysWithTheEvent(t *testing.T) {
	t.Parallel()
	const proxy, stranger = "127.0.0.2", "127.0.0.3"
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_ROLES=none", "BOTGATE_TRUSTED_PROXIES="+proxy)
	s.startGateway()
	began, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.bot.failWith(func(delivered) int {
		once.Do(func() { close(began); <-release })
		return 0
	})
	command := func(from, chosen string) (location, id string) {
		t.Helper()
		header := bearer(s.token("alice"))
		header.Set(requestid.Header, chosen)
		a, err := sendFrom(t.Context(), from, s.base+"/v1/bots/demo/commands", header, hello)
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
		return a.header.Get("Location"), a.header.Get(requestid.Header)
	}
	first, id := command(proxy, "chosen-by-the-proxy")
	require.Equal(t, "chosen-by-the-proxy", id)
	second, made := command(proxy, "not valid")
	require.NotEqual(t, "not valid", made)
	third, notTaken := command(stranger, "chosen-by-a-stranger")
	require.NotEqual(t, "chosen-by-a-stranger", notTaken)
	ids := map[string]string{first: id, second: made, third: notTaken}

	dispatch := s.backend("record,dispatch")
	<-began
	dispatch.kill()
	close(release)
	s.backend("record,dispatch")
	arrive := func(times int) {
		t.Helper()
		eventually(t, func() error {
			arrived := map[string]int{}
			for _, d := range s.bot.all() {
				require.Equal(t, ids["/v1/events/"+d.id], d.requestID)
				arrived[d.id]++
			}
			for location := range ids {
				if n := arrived[location[len("/v1/events/"):]]; n < times {
					return fmt.Errorf("%s arrived %d times", location, n)
				}
			}
			return nil
		})
	}
	arrive(1)
	require.Contains(t, s.replay("--to", "dispatch", "--type", "command"), "matched 3, sent 3, failed 0\n")
	arrive(2)
}
