package integration

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// holding starts a request whose answer does not end by itself, and returns the answer when it began.
func (s *stack) holding(method, path, token string) held {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	s.t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, strings.NewReader(string(hello)))
	require.NoError(s.t, err)
	request.Header = bearer(token)
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = response.Body.Close() })
	return held{response}
}

// held is an answer that is closed at the end of the test.
type held struct{ *http.Response }

// talkingBot answers questions with a stream of events that has no end.
func talkingBot(t *testing.T) string {
	t.Helper()
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: well\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(bot.Close)
	return strings.TrimPrefix(bot.URL, "http://")
}

// TestStreamsEndWithTheirToken opens streams of the backend and of a bot, and waits for events, with tokens that expire
// or are revoked.
func TestStreamsEndWithTheirToken(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_ASK_UPSTREAM="+talkingBot(t))
	s.startEmbedded()
	token := func(user, jti string, lasts time.Duration) string {
		return s.tokenWith(jwt.MapClaims{
			"sub": user, "jti": jti, "iat": time.Now().Add(-time.Minute).Unix(), "exp": time.Now().Add(lasts).Unix(),
		})
	}
	const events, ask = "/v1/events/stream", "/v1/bots/demo/ask"
	open := func(method, path, token string) held {
		response := s.holding(method, path, token)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
		return response
	}
	ends := func(response held) {
		_, err := io.ReadAll(response.Body)
		require.NoError(t, err, "a stream ends in good order")
	}
	other := open(http.MethodGet, events, token("ada", "other", time.Hour))
	expired := []held{
		open(http.MethodGet, events, token("eve", "e1", 5*time.Second)), open(http.MethodPost, ask, token("eve", "e2", 5*time.Second)),
	}
	waited := s.holding(http.MethodGet, "/v1/events/"+uuid.NewString()+"?wait=30s", token("eve", "e3", 3*time.Second))
	require.Equal(t, http.StatusUnauthorized, waited.StatusCode)
	for _, response := range expired {
		ends(response)
	}
	byID := []held{open(http.MethodGet, events, token("bob", "r1", time.Hour)), open(http.MethodPost, ask, token("bob", "r1", time.Hour))}
	byUser := []held{open(http.MethodGet, events, token("carl", "r2", time.Hour)), open(http.MethodPost, ask, token("carl", "r3", time.Hour))}
	for _, revoked := range [][]string{{"--jti", "r1"}, {"--sub", "carl"}} {
		_, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, append([]string{"revoke"}, revoked...)...)
		require.Zero(t, code, stderr)
	}
	for _, response := range append(byID, byUser...) {
		ends(response)
	}
	_, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "revoke", "--jti", "other")
	require.Zero(t, code, stderr)
	ends(other)
}

// TestStreamsAreFollowedOverAReload revokes the token of a stream that began under the configuration before.
func TestStreamsAreFollowedOverAReload(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_ASK_UPSTREAM="+talkingBot(t))
	s.startEmbedded()
	response := s.holding(http.MethodPost, "/v1/bots/demo/ask", s.tokenWith(jwt.MapClaims{"jti": "r1"}))
	require.Equal(t, http.StatusOK, response.StatusCode)
	path := s.caddyfileWith(t, "burst 200", "burst 201")
	_, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "reload", "--config", path, "--address", s.admin)
	require.Zero(t, code, stderr)
	_, stderr, code = run(t, s.dir, s.env, "", gatewayBinary, "revoke", "--jti", "r1")
	require.Zero(t, code, stderr)
	_, err := io.ReadAll(response.Body)
	require.NoError(t, err)
}

// TestStreamsAndWaitsAreShared has one user open as many as there may be: others go on.
func TestStreamsAndWaitsAreShared(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_USER_STREAMS=2", "BOTGATE_USER_WAITS=2")
	s.startEmbedded()
	const events = "/v1/events/stream"
	eve := s.tokenWith(jwt.MapClaims{"sub": "eve", "scope": "events:read events:admin"})
	for _, path := range []string{"/v1/jobs/stream", "/v1/refusals/stream"} {
		require.Equal(t, http.StatusOK, s.holding(http.MethodGet, path, eve).StatusCode)
	}
	requireProblem(t, s.get(bearer(s.token("ada")), "/v1/jobs/stream"), http.StatusForbidden, "insufficient-scope")
	above := s.get(bearer(s.token("eve")), events)
	requireProblem(t, above, http.StatusTooManyRequests, "rate-limited")
	require.NotEmpty(t, above.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, s.holding(http.MethodGet, events, s.token("ada")).StatusCode)

	waiting := "/v1/events/" + uuid.NewString() + "?wait=5s"
	answers := make(chan int)
	for range 4 {
		go func() {
			a, _ := send(http.MethodGet, s.base+waiting, bearer(s.token("eve")), nil)
			answers <- a.status
		}()
	}
	counts := map[int]int{}
	for range 4 {
		counts[<-answers]++
	}
	require.Equal(t, map[int]int{http.StatusTooManyRequests: 2, http.StatusNotFound: 2}, counts)
	require.Equal(t, http.StatusNotFound, s.get(bearer(s.token("ada")), "/v1/events/"+uuid.NewString()+"?wait=10ms").status)
}
