package crossorigin_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/crossorigin"
)

func TestForged(t *testing.T) {
	t.Parallel()
	const own, evil = "https://gate.example", "https://evil.example"
	for name, tt := range map[string]struct {
		method string
		header map[string]string
		forged bool
	}{
		"cross-site":                     {"POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": evil}, true},
		"cross-site, no origin":          {"POST", map[string]string{"Sec-Fetch-Site": "cross-site"}, true},
		"another host of the site":       {"PUT", map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "https://app.gate.example"}, true},
		"unknown word":                   {"POST", map[string]string{"Sec-Fetch-Site": "x", "Origin": own}, true},
		"old browser, cross-site":        {"DELETE", map[string]string{"Origin": evil}, true},
		"old browser, another port":      {"POST", map[string]string{"Origin": own + ":8443"}, true},
		"sandboxed frame":                {"POST", map[string]string{"Origin": "null"}, true},
		"very old browser, cross-site":   {"POST", map[string]string{"Referer": evil + "/page"}, true},
		"very old browser, no address":   {"POST", map[string]string{"Referer": "about:blank"}, true},
		"unknown method":                 {"PROPPATCH", map[string]string{"Sec-Fetch-Site": "cross-site"}, true},
		"websocket, cross-site":          {"GET", map[string]string{"Upgrade": "websocket", "Origin": evil}, true},
		"websocket":                      {"GET", map[string]string{"Upgrade": "websocket", "Origin": own}, false},
		"same origin":                    {"POST", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": own}, false},
		"typed by the user":              {"POST", map[string]string{"Sec-Fetch-Site": "none"}, false},
		"old browser":                    {"POST", map[string]string{"Origin": own}, false},
		"very old browser":               {"POST", map[string]string{"Referer": own + "/page"}, false},
		"no browser":                     {"POST", nil, false},
		"reads":                          {"GET", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": evil}, false},
		"reads the header":               {"HEAD", map[string]string{"Sec-Fetch-Site": "cross-site"}, false},
		"reads, from a very old browser": {"GET", map[string]string{"Referer": evil}, false},
	} {
		r := request(tt.method, tt.header)
		require.Equal(t, tt.forged, crossorigin.Forged(r), name)
		if tt.forged {
			require.True(t, crossorigin.Foreign(r), name)
		}
		crossorigin.Allow(r)
		require.False(t, crossorigin.Forged(r), "%s, allowed", name)
	}
}

// TestReadsOfOtherOriginsAreForeign has images of a page ask.
func TestReadsOfOtherOriginsAreForeign(t *testing.T) {
	t.Parallel()
	for value, foreign := range map[string]bool{"cross-site": true, "same-site": true, "same-origin": false, "none": false, "": false} {
		require.Equal(t, foreign, crossorigin.Foreign(request("GET", map[string]string{"Sec-Fetch-Site": value})), value)
	}
}

func request(method string, header map[string]string) *http.Request {
	r := httptest.NewRequest(method, "https://gate.example/", nil)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, &caddyhttp.Server{})
}
