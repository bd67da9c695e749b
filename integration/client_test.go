package integration

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// httpClient has a connection for each of many senders.
var httpClient = &http.Client{
	Timeout:   30 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
}

// answer is a response that was read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// json decodes the body.
func (a answer) json(t *testing.T, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.body, into), "%s", a.body)
}

// send sends a request; an error means that there was no answer.
func send(method, url string, header http.Header, body []byte) (answer, error) {
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header = header
	response, err := httpClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, content}, err
}

// token mints a token for the shipped Caddyfile.
func (s *stack) token(user string) string {
	s.t.Helper()
	return s.tokenWith(jwt.MapClaims{"sub": user})
}

// tokenWith mints a token with some claims changed; nil takes one out.
func (s *stack) tokenWith(changes jwt.MapClaims) string {
	s.t.Helper()
	claims := jwt.MapClaims{"iss": "botgate", "sub": "alice", "scope": "commands:write events:read"}
	maps.Copy(claims, changes)
	return s.signedWith(s.secret("jwt.secret"), claims)
}

// signedWith mints a token by a key; claims that are missing or nil are not in it, but "exp" and "aud".
func (s *stack) signedWith(key string, claims jwt.MapClaims) string {
	s.t.Helper()
	all := jwt.MapClaims{"aud": "botgate", "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range claims {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte(key))
	require.NoError(s.t, err)
	return token
}

func bearer(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
}

// command sends a command for the bot "demo"; key may be empty.
func (s *stack) command(token, key string, body []byte) (answer, error) {
	return s.commandOf("demo", token, key, body)
}

// commandOf sends a command for a bot; key may be empty.
func (s *stack) commandOf(bot, token, key string, body []byte) (answer, error) {
	header := bearer(token)
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	return send(http.MethodPost, s.base+"/v1/bots/"+bot+"/commands", header, body)
}

// github sends a payload, signed as GitHub signs it.
func (s *stack) github(eventName, delivery string, body []byte) (answer, error) {
	return send(http.MethodPost, s.base+"/hooks/demo/github", s.signed("github", eventName, delivery, body), body)
}

func (s *stack) signed(name, eventName, delivery string, body []byte) http.Header {
	sender, err := platform.New(name, nil)
	require.NoError(s.t, err)
	secret, err := sender.ParseSecret([]byte(s.secret(name + ".secret")))
	require.NoError(s.t, err)
	header := sender.(platform.Signer).Sign(secret, &platform.Request{Body: body, Now: time.Now()}, delivery)
	header.Set("Content-Type", "application/json")
	if eventName != "" {
		header.Set("X-GitHub-Event", eventName)
	}
	return header
}

// eventStatus asks the API what became of an event; "" while it is not recorded.
func (s *stack) eventStatus(token, id string) (string, answer) {
	s.t.Helper()
	a, err := send(http.MethodGet, s.base+"/v1/events/"+id, bearer(token), nil)
	require.NoError(s.t, err)
	if a.status == http.StatusNotFound {
		return "", a
	}
	require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
	var e struct{ Status string }
	a.json(s.t, &e)
	return e.Status, a
}

// requireProblem checks that a refusal is problem+json of the type and tells nothing internal.
func requireProblem(t *testing.T, a answer, status int, slug string) {
	t.Helper()
	require.Equal(t, status, a.status, "%s", a.body)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	var p struct {
		Type   string
		Status int
	}
	a.json(t, &p)
	require.Equal(t, status, p.Status)
	if slug != "" {
		require.Equal(t, "urn:botgate:problem:"+slug, p.Type)
	}
	for _, inside := range []string{"amqp", "sqlite", "127.0.0.1", ".go", "goroutine", "/tmp"} {
		require.NotContains(t, strings.ToLower(string(a.body)), inside)
	}
}
