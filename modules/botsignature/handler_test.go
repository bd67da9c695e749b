package botsignature

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/problem"
)

const (
	oldSecret      = "older-github-secret"
	githubSecret   = "s3cret-0123456789"
	standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

func handler(t testing.TB) *Handler {
	t.Helper()
	h := &Handler{
		Platform: "{http.request.uri.path.2}",
		Platforms: map[string]*PlatformConfig{
			"github":            {Files: []string{writeFile(t, oldSecret+"\n"), writeFile(t, githubSecret+"\n")}},
			"standard-webhooks": {Files: []string{writeFile(t, standardSecret)}},
		},
		MaxSize: 1000,
	}
	return load(t, h)
}

// signed makes a request as the platform would, with a JSON body.
func signed(t testing.TB, name, secret, body string) *http.Request {
	t.Helper()
	return signedWith(t, name, nil, secret, body)
}

func signedWith(t testing.TB, name string, options map[string]string, secret, body string) *http.Request {
	t.Helper()
	p, err := platform.New(name, options)
	require.NoError(t, err)
	key, err := p.ParseSecret([]byte(secret))
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodPost, "/hooks/demo/"+name, strings.NewReader(body))
	maps.Copy(r.Header, p.(platform.Signer).Sign(key, &platform.Request{Body: []byte(body), Now: time.Now()}, "delivery-1"))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// passed is what the next handler saw.
type passed struct {
	reached bool
	body    string
	repl    *caddy.Replacer
}

func (p passed) get(name string) string {
	value, _ := p.repl.GetString(name)
	return value
}

func send(t testing.TB, h *Handler, r *http.Request) (*httptest.ResponseRecorder, passed) {
	t.Helper()
	w := httptest.NewRecorder()
	p := passed{repl: caddy.NewReplacer()}
	r = caddyhttp.PrepareRequest(r, p.repl, w, &caddyhttp.Server{})
	require.NoError(t, h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		p.reached = true
		raw, err := io.ReadAll(r.Body)
		p.body = string(raw)
		return err
	})))
	return w, p
}

func TestPasses(t *testing.T) {
	t.Parallel()
	const push = `{"repository":{"id":7},"sender":{"id":42}}`
	github := signed(t, "github", githubSecret, push)
	github.Header.Set("X-GitHub-Event", "push")
	form := signed(t, "github", oldSecret, "payload="+url.QueryEscape(push))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	form.Header.Set("X-GitHub-Event", "push")

	tests := map[string]struct {
		request                   *http.Request
		platform, kind, user, key string
	}{
		"JSON":             {github, "github", "github.push", "42", "7"},
		"form":             {form, "github", "github.push", "42", "7"},
		"Standard Webhook": {signed(t, "standard-webhooks", standardSecret, `{"type":"a.b"}`), "standard-webhooks", "standard.a.b", "", ""},
	}
	h := handler(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent, err := io.ReadAll(tt.request.Body)
			require.NoError(t, err)
			tt.request.Body = io.NopCloser(bytes.NewReader(sent))
			w, p := send(t, h, tt.request)
			require.True(t, p.reached, w.Body)
			require.Equal(t, string(sent), p.body)
			for placeholder, want := range map[string]string{
				"platform": tt.platform, "verified_by": tt.platform, "type": tt.kind,
				"user": tt.user, "order_key": tt.key, "delivery_key": "delivery-1",
			} {
				require.Equal(t, want, p.get("http.bot."+placeholder), placeholder)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	unread := func(body string) func(r *http.Request) {
		return func(r *http.Request) {
			r.ContentLength = -1
			r.Body = io.NopCloser(strings.NewReader(body))
		}
	}
	unsigned := func(r *http.Request) {
		r.Header.Del("X-Hub-Signature-256")
		r.Header.Set("Content-Type", "text/plain")
	}
	changed := func(change func(r *http.Request)) *http.Request {
		r := signed(t, "github", githubSecret, `{"a":1}`)
		change(r)
		return r
	}
	stale := signed(t, "standard-webhooks", standardSecret, `{}`)
	stale.Header.Set("Webhook-Timestamp", "1614265330")
	const github, standard = `Signature realm="github"`, `Signature realm="standard-webhooks"`
	tests := map[string]struct {
		request      *http.Request
		status       int
		slug, header string
	}{
		"unsigned":         {changed(func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") }), 401, "invalid-signature", github},
		"other body":       {changed(unread(`{"a":2}`)), 401, "invalid-signature", github},
		"other secret":     {signed(t, "github", "guessed", `{"a":1}`), 401, "invalid-signature", github},
		"not even JSON":    {signed(t, "github", "guessed", `{`), 401, "invalid-signature", github},
		"other content":    {changed(unsigned), 401, "invalid-signature", github},
		"stale":            {stale, 401, "invalid-signature", standard},
		"other platform":   {changed(func(r *http.Request) { r.URL.Path = "/hooks/demo/standard-webhooks" }), 401, "invalid-signature", standard},
		"unknown":          {changed(func(r *http.Request) { r.URL.Path = "/hooks/demo/gitlab" }), 404, "unknown-platform", ""},
		"none":             {changed(func(r *http.Request) { r.URL.Path = "/hooks/demo" }), 404, "unknown-platform", ""},
		"too large":        {signed(t, "github", githubSecret, strings.Repeat("a", 1001)), 413, "too-large", ""},
		"too large later":  {changed(unread(strings.Repeat("a", 1001))), 413, "too-large", ""},
		"empty":            {signed(t, "github", githubSecret, ""), 400, "malformed", ""},
		"not what is sent": {signed(t, "github", githubSecret, "Hello, World!"), 400, "malformed", ""},
		"broken off":       {changed(func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)) }), 400, "malformed", ""},
	}
	h := handler(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := send(t, h, tt.request)
			require.False(t, p.reached)
			require.Equal(t, tt.status, w.Code)
			require.Equal(t, tt.header, w.Header().Get("WWW-Authenticate"))
			require.Equal(t, problem.ContentType, w.Header().Get("Content-Type"))
			var got problem.Problem
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
			require.Equal(t, tt.slug, got.Slug())
			require.Empty(t, p.get("http.bot.verified_by"))
		})
	}
}

func TestSecretFromEnvironment(t *testing.T) {
	t.Setenv("BOTGATE_TEST_SECRET", githubSecret)
	h := &Handler{Platform: "github", Platforms: map[string]*PlatformConfig{"github": {Envs: []string{"BOTGATE_TEST_SECRET"}}}}
	require.NoError(t, provision(t, h))
	_, p := send(t, h, signed(t, "github", githubSecret, `{}`))
	require.True(t, p.reached)
}

// TestMetrics is not parallel: the counters belong to the process.
func TestMetrics(t *testing.T) {
	h := handler(t)
	for _, tt := range []struct {
		path, platform, outcome string
	}{
		{"/hooks/demo/github", "github", "signature_mismatch"},
		{"/hooks/demo/standard-webhooks", "standard-webhooks", "header_missing"},
		{"/hooks/demo/evil", "none", "unknown_platform"},
	} {
		r := signed(t, "github", "guessed", `{"a":"private"}`)
		r.URL.Path = tt.path
		counter := requestsTotal.WithLabelValues(tt.platform, tt.outcome)
		before := testutil.ToFloat64(counter)
		_, p := send(t, h, r)
		require.False(t, p.reached)
		require.InDelta(t, before+1, testutil.ToFloat64(counter), 0)
	}
}

func TestRequestHasTheAddressThatWasCalled(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "https://bots.example/hooks/demo/github?a=1", nil)
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), httptest.NewRecorder(), &caddyhttp.Server{})
	r.URL.Path = "/rewritten"
	req := handler(t).request(r, nil)
	require.Equal(t, http.MethodPost, req.Method)
	require.Equal(t, "https://bots.example/hooks/demo/github?a=1", req.URL)
}

// TestUnsignedBodyIsNotRead keeps callers without a signature from filling the memory.
func TestUnsignedBodyIsNotRead(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"github", "standard-webhooks"} {
		r := httptest.NewRequest(http.MethodPost, "/hooks/demo/"+name, unreadable{t})
		w, p := send(t, handler(t), r)
		require.Equal(t, http.StatusUnauthorized, w.Code)
		require.False(t, p.reached)
	}
	old := signed(t, "standard-webhooks", standardSecret, `{}`)
	old.Header.Set("Webhook-Timestamp", "1600000000")
	old.Body = io.NopCloser(unreadable{t})
	w, _ := send(t, handler(t), old)
	require.Equal(t, http.StatusUnauthorized, w.Code)
}

// unreadable fails the test when it is read.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}
