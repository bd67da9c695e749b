package integration

import (
	"fmt"
	"net/http"
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
