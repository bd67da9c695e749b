package smoke_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/smoke"
)

// answers are those of a gateway, by method and path, or by path alone.
type answers map[string]func(http.ResponseWriter, *http.Request)

func say(status int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

// sound is a gateway at which everything is as it should be.
func sound() answers {
	return answers{
		"/readyz": say(200, "{}"),
		"/v1/bots/canary/commands": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				say(401, `{"title":"No token."}`)(w, r)
				return
			}
			say(202, `{"id":"e1"}`)(w, r)
		},
		"/v1/events/e1":       say(200, `{"status":"delivered","subject":"u","attempts":[{"attempt":1,"status_code":204}]}`),
		"/v1/users/u/data":    say(200, `{}`),
		"/metrics":            say(200, "botgate_build_info{goversion=\"go1\",version=\"v1\"} 1\n"),
		"/metrics/of/another": say(200, "botgate_build_info{goversion=\"go1\",version=\"v2\"} 1\n"),
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		// path has another answer.
		path   string
		answer func(http.ResponseWriter, *http.Request)
		change func(*smoke.Config)
		// want is in the error; empty: there is none.
		want string
	}{
		"sound":             {},
		"no token":          {change: func(c *smoke.Config) { c.Token = "" }},
		"not ready":         {path: "/readyz", answer: say(503, `{"title":"Not ready."}`), want: "ready: .*503: Not ready.*--timeout"},
		"open":              {path: "/v1/bots/canary/commands", answer: say(202, `{}`), want: "refused: .*bot_jwt"},
		"a token of others": {path: "/v1/bots/canary/commands", answer: say(401, `{"title":"Bad token."}`), want: "accepted: .*Bad token.*--token-file"},
		"slow":              {change: func(c *smoke.Config) { c.AcceptWithin = 1 }, want: "accepted: .*--accept-within.*event e1"},
		"not recorded":      {path: "/v1/events/e1", answer: say(404, `{}`), want: "recorded: .*role record.*event e1"},
		"dead": {
			path: "/v1/events/e1", answer: say(200, `{"status":"dead","attempts":[{"attempt":3,"error":"refused"}]}`),
			want: "delivered: the event is dead; attempt 3: refused.*bots file",
		},
		"elsewhere":     {change: func(c *smoke.Config) { c.Answered = func(string) bool { return false } }, want: "answered: .*--listen"},
		"no erasure":    {path: "/v1/users/u/data", answer: say(403, `{"title":"No."}`), want: "erased: .*--keep"},
		"two versions":  {change: func(c *smoke.Config) { c.Metrics = append(c.Metrics, c.URL+"/metrics/of/another") }, want: "version: .*v2.*--expect-version"},
		"other version": {change: func(c *smoke.Config) { c.Version = "v3" }, want: "version: .*v1, and not v3"},
		"no version":    {path: "/metrics", answer: say(200, "up 1"), want: "version: .*--metrics"},
		"nobody":        {change: func(c *smoke.Config) { c.URL = "http://127.0.0.1:1" }, want: "ready: .*--url"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := sound()
			if tc.path != "" {
				gateway[tc.path] = tc.answer
			}
			mux := http.NewServeMux()
			for path, answer := range gateway {
				mux.HandleFunc(path, answer)
			}
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			out := new(bytes.Buffer)
			c := smoke.Config{
				URL: server.URL, Bot: "canary", Token: "t", EraseToken: "t", AcceptWithin: time.Minute, Timeout: time.Minute,
				Metrics: []string{server.URL + "/metrics"}, Out: out,
			}
			if tc.want != "" {
				c.Timeout = 500 * time.Millisecond
			}
			if tc.change != nil {
				tc.change(&c)
			}
			err := smoke.Run(t.Context(), c)
			if tc.want == "" {
				require.NoError(t, err, "%s", out)
				return
			}
			require.Error(t, err)
			require.Regexp(t, tc.want, err.Error())
			require.Contains(t, out.String(), "FAILED  "+strings.SplitN(err.Error(), ":", 2)[0])
		})
	}
}
