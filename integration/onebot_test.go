package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/api/openapitest"
)

// operation is one of the OpenAPI document, as a request about the bot "demo" and its user "alice".
type operation struct{ name, method, path, contentType, body string }

// forEverybody are operations that are about no bot.
var forEverybody = []string{"GET /openapi.json", "GET /openapi.html", "GET /healthz", "GET /readyz", "GET /readyz/self"}

// needs are what an operation is refused without, whoever asks.
var needs = map[string]struct{ query, contentType, body string }{
	"POST /v1/bots/{bot}/commands":    {body: string(hello)},
	"POST /v1/bots/{bot}/give-up":     {query: "?event={id}"},
	"POST /v1/bots/{bot}/settle":      {body: `{"settle":[{"receipt":"r","outcome":"ack"}]}`},
	"GET /v1/events/stream":           {query: "?bot=demo"},
	"GET /v1/refusals/stream":         {query: "?bot=demo"},
	"GET /v1/jobs/stream":             {query: "?id={id}"},
	"POST /v1/limits/reset":           {query: "?zone=user&key=alice"},
	"POST /v1/dead/replay":            {query: "?all=true"},
	"DELETE /v1/dead":                 {query: "?all=true"},
	"POST /v1/jobs":                   {body: `{"kind":"dead-drop","all":true}`},
	"PUT /v1/sessions/{bot}/{user}":   {body: `{"step":2}`},
	"PATCH /v1/sessions/{bot}/{user}": {body: `{"step":2}`, contentType: "application/merge-patch+json"},
}

// operations makes a request of each operation that the gateway describes; what only reads goes first.
func (s *stack) operations(dead, job string) []operation {
	s.t.Helper()
	described := openapitest.New(s.t, s.get(nil, "/openapi.json").body).Operations()
	slices.SortStableFunc(described, func(a, b string) int {
		return strings.Compare(fmt.Sprint(!strings.HasPrefix(a, "GET")), fmt.Sprint(!strings.HasPrefix(b, "GET")))
	})
	all := []operation{{"the sidecar form", "POST", "/v1/bots/demo/ask", "application/json", string(hello)}}
	for _, name := range described {
		if slices.Contains(forEverybody, name) {
			continue
		}
		method, path, _ := strings.Cut(name, " ")
		id := dead
		if strings.HasPrefix(path, "/v1/jobs") {
			id = job
		}
		need := needs[name]
		fill := strings.NewReplacer("{bot}", "demo", "{user}", "alice", "{id}", id)
		o := operation{name, method, fill.Replace(path + need.query), "application/json", need.body}
		if need.contentType != "" {
			o.contentType = need.contentType
		}
		all = append(all, o)
	}
	require.Greater(s.t, len(all), 20)
	return all
}

// as sends the operation to an address with a token's claims, or without a token for none.
func (o operation) as(s *stack, base string, claims jwt.MapClaims, headers ...string) answer {
	s.t.Helper()
	header := http.Header{}
	if claims != nil {
		header = bearer(s.tokenWith(claims))
	}
	header.Set("Content-Type", o.contentType)
	for i := 0; i < len(headers); i += 2 {
		header.Add(headers[i], headers[i+1])
	}
	a, err := send(o.method, base+o.path, header, []byte(o.body))
	require.NoError(s.t, err, o.name)
	return a
}

// everyScope are the claims of a token that may do everything, for one bot or what else is claimed.
func everyScope(user string, bot any) jwt.MapClaims {
	return jwt.MapClaims{"sub": user, "bot": bot, "scope": "commands:write events:read events:admin events:pull sessions:write"}
}

// null is a claim that is there and null.
type null struct{}

// MarshalJSON implements [json.Marshaler].
func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// withTwoBots starts a stack with the bots "demo" and "other", and a dead letter, a session and a job of "demo".
func withTwoBots(t *testing.T) (s *stack, dead, job string) {
	t.Helper()
	s = newStack(t)
	bots := fmt.Sprintf(`{"bots":{"demo":{"url":%q,"secret_files":["demo-bot.secret"],"allow_private":true},"other":{"url":%[1]q,"secret_files":["demo-bot.secret"],"allow_private":true}}}`,
		s.bot.server.URL+"/events")
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte(bots), 0o600))
	s.env = append(s.env, "BOTGATE_ASK_UPSTREAM="+strings.TrimPrefix(s.bot.server.URL, "http://"))
	s.startEmbedded()
	s.bot.failWith(func(delivered) int { return http.StatusGone })
	dead = s.accept("alice", hello)
	s.awaitStatus(dead, "dead")
	put := operation{"", "PUT", "/v1/sessions/demo/alice", "application/json", `{"secret":"of demo"}`}
	require.Equal(t, http.StatusCreated, put.as(s, s.base, everyScope("officer", nil)).status)
	submit := operation{"", "POST", "/v1/jobs", "application/json", `{"kind":"dead-replay","ids":["nothing"]}`}
	a := submit.as(s, s.base, everyScope("officer", nil))
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	var asked jobShown
	a.json(t, &asked)
	return s, dead, asked.ID
}

// TestOneBot asks for everything that the API describes, with tokens for no bot, for another bot, for all bots, and
// through a gateway that forgets to say.
func TestOneBot(t *testing.T) {
	t.Parallel()
	s, dead, job := withTwoBots(t)
	all := s.operations(dead, job)
	for i, claim := range []any{null{}, "", []string{}, 0, true, false, "*", " demo", "demo ", "demo\n", []string{"demo"}, map[string]string{"demo": "demo"}, 1.5} {
		for _, o := range all {
			a := o.as(s, s.base, everyScope(fmt.Sprint("nobody-", i), claim))
			requireProblem(t, a, http.StatusForbidden, "other-bot")
		}
	}
	for i, claim := range []string{"other", "Demo", "demo2"} {
		for _, o := range all {
			a := o.as(s, s.base, everyScope(fmt.Sprint("stranger-", i), claim), "X-Botgate-Bot", "demo", "Connection", "X-Botgate-Bot")
			require.NotContains(t, string(a.body), "of demo", o.name)
			require.NotContains(t, string(a.body), dead, o.name)
			if strings.Contains(o.name, "{bot}") || strings.Contains(o.path, "demo") {
				requireProblem(t, a, http.StatusForbidden, "other-bot")
			} else if a.status >= 300 {
				require.Contains(t, []int{http.StatusForbidden, http.StatusNotFound}, a.status, "%s: %s", o.name, a.body)
			}
		}
	}
	s.requireUntouched(dead)
	s.requireRefusedWithoutHeader(all)
	s.requireUntouched(dead)
	for _, o := range all[1:] { // The bot itself answers the sidecar form.
		if strings.HasSuffix(o.name, "/stream") {
			continue // It would not end.
		}
		a := o.as(s, s.base, everyScope("officer", nil))
		require.NotContains(t, []int{400, 401, 403, 405, 415, 422, 500}, a.status, "%s can't be tried like this: %s", o.name, a.body)
	}
}

// requireUntouched looks whether the dead letter and the session of the bot "demo" are as they were.
func (s *stack) requireUntouched(dead string) {
	s.t.Helper()
	header := bearer(s.tokenWith(everyScope("officer", "demo")))
	eventually(s.t, func() error { // What was submitted is over by then.
		if a := s.get(bearer(s.tokenWith(everyScope("officer", nil))), "/v1/jobs?status=queued"); strings.Contains(string(a.body), `"kind":"dead-`) {
			return fmt.Errorf("jobs wait: %s", a.body)
		}
		return nil
	})
	require.Equal(s.t, http.StatusOK, s.get(header, "/v1/dead/"+dead).status)
	require.JSONEq(s.t, `{"secret":"of demo"}`, string(s.get(header, "/v1/sessions/demo/alice").body))
}

// requireRefusedWithoutHeader asks through a gateway that keeps the header to itself, and the API itself.
func (s *stack) requireRefusedWithoutHeader(all []operation) {
	s.t.Helper()
	s.config = s.caddyfileWith(s.t, "\t\theader_up -Authorization\n", "\t\theader_up -Authorization\n\t\theader_up -X-Botgate-Bot\n")
	silent := s.secondGateway()
	for _, o := range all {
		if strings.HasPrefix(o.path, "/v1/bots/demo/commands") || strings.HasPrefix(o.path, "/v1/bots/demo/ask") {
			continue // The gateway answers.
		}
		a := o.as(s, silent.base, everyScope("forgotten", nil))
		require.Equal(s.t, http.StatusForbidden, a.status, "%s: %s", o.name, a.body)
		require.Contains(s.t, string(a.body), "urn:botgate:problem:no-bot-header", o.name)
		require.Contains(s.t, string(a.body), "X-Botgate-Bot", o.name)
		require.Contains(s.t, string(a.body), "bot_jwt", o.name)
		for _, header := range []string{"Authorization", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via"} {
			requireProblem(s.t, o.as(s, s.api, nil, header, "x"), http.StatusForbidden, "no-bot-header")
		}
		for _, value := range []string{"", "demo,other", "**", "a b"} {
			requireProblem(s.t, o.as(s, s.api, nil, "X-Botgate-Bot", value), http.StatusForbidden, "other-bot")
		}
		requireProblem(s.t, o.as(s, s.api, nil, "X-Botgate-Bot", "*", "X-Botgate-Bot", "demo"), http.StatusForbidden, "other-bot")
		if o.method == http.MethodGet && !strings.Contains(o.path, "stream") {
			require.NotEqual(s.t, http.StatusForbidden, o.as(s, s.api, nil).status, "an operator needs no header: %s", o.name)
		}
	}
	require.Equal(s.t, http.StatusOK, silent.get(nil, "/openapi.json").status, "what is for everybody needs none")
}
