package integration

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// securityHeaders are those of the shipped Caddyfile.
var securityHeaders = map[string]string{
	"Strict-Transport-Security": "max-age=31536000; includeSubDomains",
	"X-Content-Type-Options":    "nosniff",
	"X-Frame-Options":           "DENY",
	"Referrer-Policy":           "no-referrer",
	"Content-Security-Policy":   "default-src 'none'; frame-ancestors 'none'",
}

// requireSecurityHeaders finds each once, and nothing that says what answers.
func requireSecurityHeaders(t *testing.T, header http.Header) {
	t.Helper()
	for name, want := range securityHeaders {
		require.Equal(t, []string{want}, header.Values(name), name)
	}
	require.NotContains(t, header, "Server")
}

// TestErrorPagesHaveTheSecurityHeaders asks the shipped Caddyfile for every kind of error page: of its own routes, of
// an error that somebody adds, of the handlers, and of what is behind the gateway.
func TestErrorPagesHaveTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.config = s.caddyfileWith(t, site, "\thandle /own {\n\t\terror 418\n\t}\n\n"+site)
	s.env = append(s.env, "BOTGATE_ASK_UPSTREAM="+testsvc.FreeAddresses(t, 1)[0])
	s.startEmbedded()
	token := bearer(s.token("alice"))
	for name, tt := range map[string]struct {
		method, path string
		header       http.Header
		status       int
	}{
		"no route":        {"GET", "/nothing", nil, 404},
		"method":          {"GET", commandsPath, token, 405},
		"method of probe": {"DELETE", "/healthz", nil, 405},
		"method of self":  {"DELETE", "/readyz/self", nil, 405},
		"beside a probe":  {"GET", "/readyzone", nil, 404},
		"unclear path":    {"GET", "/v1//events", token, 400},
		"added by a user": {"GET", "/own", nil, 418},
		"upstream away":   {"POST", "/v1/bots/demo/ask", token, 502},
		"no token":        {"POST", commandsPath, nil, 401},
		"not verified":    {"POST", "/hooks/demo/github", nil, 401},
		"of the backend":  {"GET", "/v1/events/nope", token, 404},
		"unusual method":  {"BREW", "/v1/events", nil, 401},
		"no error at all": {"GET", "/healthz", nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := send(tt.method, s.base+tt.path, tt.header, hello)
			require.NoError(t, err)
			require.Equal(t, tt.status, a.status, "%s", a.body)
			requireSecurityHeaders(t, a.header)
			if tt.status >= 400 {
				requireProblem(t, a, tt.status, "")
			}
		})
	}
}

// TestUpstreamsDoNotSayWhatTheyAre has a bot answer with headers of its own.
func TestUpstreamsDoNotSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "bot/1.0")
		w.Header().Set("X-Frame-Options", "ALLOWALL")
		http.Error(w, "broken", http.StatusInternalServerError)
	}))
	t.Cleanup(bot.Close)
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_ASK_UPSTREAM="+strings.TrimPrefix(bot.URL, "http://"))
	s.startEmbedded()
	a, err := send(http.MethodPost, s.base+"/v1/bots/demo/ask", bearer(s.token("alice")), hello)
	require.NoError(t, err)
	require.Equal(t, http.StatusInternalServerError, a.status)
	requireSecurityHeaders(t, a.header)
}

// TestMalformedRequestsLearnNothing sends what is answered before any route sees it, by net/http: no Caddyfile adds
// headers there. The answers are bare text that no browser takes for a page, and do not say what answers.
func TestMalformedRequestsLearnNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	for name, tt := range map[string]struct {
		request string
		status  int
	}{
		"no HTTP":             {"hello\r\n\r\n", 400},
		"no host":             {"GET / HTTP/1.1\r\n\r\n", 400},
		"two hosts":           {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		"header without name": {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400},
		"two lengths":         {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		"negative length":     {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
		"script in the path":  {"GET /<script>alert(1)</script>%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		"other coding":        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		"other version":       {"GET / HTTP/3.7\r\nHost: a\r\n\r\n", 505},
		"headers of 100 KB":   {"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat("a", 100_000) + "\r\n\r\n", 431},
	} {
		t.Run(name, func(t *testing.T) {
			header, body := raw(t, s.base, tt.request, tt.status)
			require.NotContains(t, header, "Server")
			require.Equal(t, "text/plain; charset=utf-8", header.Get("Content-Type"))
			for _, told := range []string{"script", "caddy", "botgate", "goroutine"} {
				require.NotContains(t, strings.ToLower(body), told)
			}
		})
	}
	header, _ := raw(t, s.base, "POST /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 404)
	requireSecurityHeaders(t, header)
}

// raw sends the bytes as they are, and returns the answer's headers and body.
func raw(t *testing.T, base, request string, status int) (http.Header, string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	go func() { _, _ = fmt.Fprint(conn, request) }() // It may be answered before all of it is read.
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, status, response.StatusCode)
	body := new(strings.Builder)
	_, _ = bufio.NewReader(response.Body).WriteTo(body)
	return response.Header, body.String()
}
