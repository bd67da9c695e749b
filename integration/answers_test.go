package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
)

// answersTo starts a stack on each engine whose bot is the function, which gets the number of the
// request, from 1.
func answersTo(t *testing.T, keep bots.KeepAnswers, bot func(w http.ResponseWriter, n int), test func(t *testing.T, s *stack)) {
	t.Helper()
	for name, start := range map[string]func(*stack){"Embedded": (*stack).startEmbedded, "Services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			var requests atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				bot(w, int(requests.Add(1)))
			}))
			t.Cleanup(server.Close)
			writeBotsFile(t, filepath.Join(s.dir, "data"), server.URL, keep)
			start(s)
			test(t, s)
		})
	}
}

// TestWhatTheBotAnsweredIsKept follows hostile answers through queue and database to the API, the
// export and the erasure.
func TestWhatTheBotAnsweredIsKept(t *testing.T) {
	t.Parallel()
	answers := []struct{ contentType, encoding, body string }{
		{"text/plain; charset=utf-8", "", "no " + strings.Repeat("€", 5000)},
		{"application/octet-stream", "", "\x00\xff'); drop table events; --"},
		{"application/json", "gzip", "\x1f\x8b\x08\x00"},
	}
	answersTo(t, bots.KeepFailed, func(w http.ResponseWriter, n int) {
		if n > len(answers) {
			_, _ = w.Write([]byte("thanks"))
			return
		}
		w.Header().Set("Content-Type", answers[n-1].contentType)
		if coding := answers[n-1].encoding; coding != "" {
			w.Header().Set("Content-Encoding", coding)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(answers[n-1].body))
	}, func(t *testing.T, s *stack) {
		id := s.accept("alice", hello)
		var shown struct {
			Attempts []struct {
				StatusCode int `json:"status_code"`
				Answer     json.RawMessage
			}
		}
		s.awaitStatus(id, "delivered").json(t, &shown)
		require.Len(t, shown.Attempts, len(answers)+1)
		for i, want := range []string{
			`{"content_type":"text/plain; charset=utf-8","truncated":true,"body":"no ` + strings.Repeat("€", (4096-3)/3) + `"}`,
			`{"content_type":"application/octet-stream","body_base64":"AP8nKTsgZHJvcCB0YWJsZSBldmVudHM7IC0t"}`,
			`{"content_type":"application/json","content_encoding":"gzip","body_base64":"H4sIAA=="}`,
		} {
			require.JSONEq(t, want, string(shown.Attempts[i].Answer))
			require.Equal(t, http.StatusServiceUnavailable, shown.Attempts[i].StatusCode)
		}
		require.Empty(t, shown.Attempts[len(answers)].Answer, "only failed ones are kept")
		require.Contains(t, string(s.do(http.MethodGet, "/v1/users/alice/data", nil, http.StatusOK).body), "AP8nKTsg")
		s.do(http.MethodDelete, "/v1/users/alice/data", nil, http.StatusOK)
		s.do(http.MethodGet, "/v1/events/"+id, nil, http.StatusNotFound)
	})
}

// TestAnswerOfACommand has who sent a command fetch what the bot answered to it.
func TestAnswerOfACommand(t *testing.T) {
	t.Parallel()
	sum := `{"sum": 3, "text": "` + strings.Repeat("é", 8<<10) + `"}`
	answersTo(t, bots.KeepAll, func(w http.ResponseWriter, n int) {
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.sum+json")
		_, _ = w.Write([]byte(sum))
	}, func(t *testing.T, s *stack) {
		id := s.accept("alice", hello)
		asked := "/v1/events/" + id + "/answer"
		eventually(t, func() error {
			if a := s.get(s.officer(), asked+"?wait=10s"); a.status != http.StatusOK {
				return fmt.Errorf("%d: %s", a.status, a.body)
			}
			return nil
		})
		a := s.get(s.officer(), asked)
		require.Equal(t, sum, string(a.body))
		require.Equal(t, "application/vnd.sum+json", a.header.Get("Content-Type"))
		requireProblem(t, s.get(bearer(s.tokenWith(everyScope("stranger", "other"))), asked), http.StatusNotFound, "unknown-event")
		requireProblem(t, s.get(bearer(s.tokenWith(jwt.MapClaims{"sub": "alice", "scope": "commands:write"})), asked), http.StatusForbidden, "insufficient-scope")
	})
}

// TestBotIsTriedNow has a bot that wants to be left alone for an hour, and is back before.
func TestBotIsTriedNow(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	answersTo(t, bots.KeepFailed, func(w http.ResponseWriter, _ int) {
		if !up.Load() {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}, func(t *testing.T, s *stack) {
		for _, ask := range []func(){
			func() { s.do(http.MethodPost, "/v1/bots/demo/retry", nil, http.StatusNoContent) },
			func() { require.Contains(t, s.backendCommand("retry", "--bot", "demo"), "demo") },
		} {
			up.Store(false)
			id := s.accept("alice", hello)
			s.awaitStatus(id, "failed")
			up.Store(true)
			ask()
			s.awaitStatus(id, "delivered")
		}
		a, err := send(http.MethodPost, s.base+"/v1/bots/demo/retry", bearer(s.token("alice")), nil)
		require.NoError(t, err)
		requireProblem(t, a, http.StatusForbidden, "insufficient-scope")
		s.do(http.MethodPost, "/v1/bots/nobody/retry", nil, http.StatusNotFound)
	})
}
