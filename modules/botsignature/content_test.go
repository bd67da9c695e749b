package botsignature

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/delivery"
	"github.com/botgate/botgate/modules/internal/payload"
)

// mistyped are headers that nobody signed, and that say nothing or something else.
var mistyped = []string{
	"", "application/json; charset=", "application/json; charset", "text/plain", "application/octet-stream",
	"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "a/b/c", "application/json",
}

// TestContentDecides reads signed bodies alike, whatever Content-Type says.
func TestContentDecides(t *testing.T) {
	t.Parallel()
	const push = `{"ref":"x","repository":{"id":7},"sender":{"id":42}}`
	form := "payload=" + url.QueryEscape(push)
	for name, tt := range map[string]struct {
		platform, secret, body, kind, user, contentType string
	}{
		"JSON":         {"github", githubSecret, push, "github.push", "42", "application/json"},
		"form":         {"github", githubSecret, form, "github.push", "42", "application/x-www-form-urlencoded"},
		"LINE":         {"line", githubSecret, `{"events":[{"type":"follow","source":{"userId":"U"}}]}`, "line.follow", "U", "application/json"},
		"command":      {"slack", githubSecret, "command=%2Fx&user_id=U&trigger_id=1", "slack.command", "U", "application/x-www-form-urlencoded"},
		"interaction":  {"slack", githubSecret, "payload=" + url.QueryEscape(`{"type":"block_actions","user":{"id":"U"}}`), "slack.block_actions", "U", "application/x-www-form-urlencoded"},
		"Events API":   {"slack", githubSecret, ` {"type":"event_callback","event":{"type":"team_join","user":{"id":"U"}}}`, "slack.team_join", "U", "application/json"},
		"a whole form": {"telegram", githubSecret, `{"update_id":1,"message":{"from":{"id":42}}}`, "telegram.message", "42", "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := load(t, &Handler{Platform: tt.platform, Platforms: map[string]*PlatformConfig{
				tt.platform: {Files: []string{writeFile(t, tt.secret)}},
			}})
			for _, contentType := range mistyped {
				r := signed(t, tt.platform, tt.secret, tt.body)
				r.Header.Set("Content-Type", contentType)
				r.Header.Set("X-GitHub-Event", "push")
				w := httptest.NewRecorder()
				var d *delivery.Delivery
				var body *payload.Payload
				r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, &caddyhttp.Server{})
				require.NoError(t, h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) (err error) {
					d = delivery.Of(r)
					body, err = payload.Of(r, nil, 1<<20)
					return err
				})))
				require.NotNil(t, d, "%s: %s", contentType, w.Body)
				require.Equal(t, []string{tt.kind, tt.user}, []string{d.Events[0].Type, d.Events[0].User}, contentType)
				require.Equal(t, tt.contentType, body.ContentType, "what the bot is told")
			}
		})
	}
}

// TestWhatAPlatformDoesNotSend is refused, though signed, before anything is answered with 2xx.
func TestWhatAPlatformDoesNotSend(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ platform, body string }{
		"nothing":           {"github", ""},
		"text":              {"github", "Hello"},
		"half of JSON":      {"github", `{"a":`},
		"more than JSON":    {"line", `{"events":[]}x`},
		"number":            {"line", `1`},
		"form":              {"line", `payload={}`},
		"form without JSON": {"github", `payload=1`},
		"no form":           {"slack", `hello`},
		"form with escapes": {"slack", `command=%zz`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := load(t, &Handler{Platform: tt.platform, Platforms: map[string]*PlatformConfig{
				tt.platform: {Files: []string{writeFile(t, githubSecret)}},
			}})
			w, p := send(t, h, signed(t, tt.platform, githubSecret, tt.body))
			require.False(t, p.reached)
			require.Equal(t, http.StatusBadRequest, w.Code)
		})
	}
}
