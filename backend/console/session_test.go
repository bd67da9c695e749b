package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/console"
)

// asks reports whether a visitor has to sign in.
func asks(v *visitor) bool {
	w := v.send(http.MethodGet, "/console/events", nil)
	return w.Code == http.StatusSeeOther && strings.HasPrefix(w.Header().Get("Location"), "/console/login?")
}

func TestSignInNeedsTheGateway(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for name, change := range map[string]func(http.Header){
		"no user":        func(h http.Header) { h.Del("X-Botgate-User") },
		"two users":      func(h http.Header) { h.Add("X-Botgate-User", "eve") },
		"empty user":     func(h http.Header) { h.Set("X-Botgate-User", "") },
		"no scopes":      func(h http.Header) { h.Del("X-Botgate-Scopes") },
		"other scopes":   func(h http.Header) { h.Set("X-Botgate-Scopes", "commands:write console:admin") },
		"no bot":         func(h http.Header) { h.Del("X-Botgate-Bot") },
		"bearer only":    func(h http.Header) { clear(h); h.Set("Authorization", "Bearer x") },
		"used link":      func(h http.Header) { h.Set("X-Botgate-Scopes", "console:login events:read"); d.used["token-1"] = true },
		"link, no token": func(h http.Header) { h.Set("X-Botgate-Scopes", "console:login events:read"); h.Del("X-Botgate-Token") },
		"other origin":   func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site") },
	} {
		who := identity(viewer)
		change(who)
		w := (&visitor{d: d, headers: who}).send(http.MethodPost, "/console/session", nil)
		require.Equal(t, http.StatusForbidden, w.Code, name)
		require.Empty(t, w.Result().Cookies(), name)
	}
}

func TestLinkIsGoodOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	v := d.signIn("console:login " + operator)
	require.False(t, asks(v))
	w := (&visitor{d: d, headers: identity("console:login " + operator)}).send(http.MethodPost, "/console/session", nil)
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Contains(t, w.Body.String(), "link-used")
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	v := d.signIn(viewer)
	d.clock = now.Add(59 * time.Minute)
	w := v.send(http.MethodGet, "/console/events", nil)
	require.Equal(t, http.StatusOK, w.Code)
	fresh := &visitor{d: d, cookies: w.Result().Cookies(), headers: http.Header{}}
	d.clock = now.Add(90 * time.Minute)
	require.True(t, asks(v), "idle for more than an hour")
	require.False(t, asks(fresh), "a page was shown half an hour ago")
	for d.clock.Before(now.Add(8 * time.Hour)) {
		w := fresh.send(http.MethodGet, "/console/events", nil)
		require.Equal(t, http.StatusOK, w.Code)
		fresh.cookies = w.Result().Cookies()
		d.clock = d.clock.Add(30 * time.Minute)
	}
	d.clock = now.Add(8*time.Hour + time.Second)
	require.True(t, asks(fresh), "8 hours are over, whatever was looked at")

	d.clock = now
	v = d.signIn(viewer)
	d.revoked = true
	require.True(t, asks(v), "its token was revoked")
}

func TestCookies(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, tls := range []bool{false, true} {
		who := identity(viewer)
		name := "botgate_console"
		if tls {
			who.Set("X-Forwarded-Proto", "https")
			name = "__Secure-" + name
		}
		v := d.signInAs(who)
		require.Len(t, v.cookies, 1)
		c := v.cookies[0]
		require.Equal(t, name, c.Name)
		require.Equal(t, tls, c.Secure)
		require.True(t, c.HttpOnly)
		require.Equal(t, "/console", c.Path)
		require.Equal(t, http.SameSiteLaxMode, c.SameSite)
		v.headers.Set("X-Forwarded-Proto", who.Get("X-Forwarded-Proto"))
		require.False(t, asks(v))
		v.headers.Set("X-Forwarded-Proto", map[bool]string{true: "http", false: "https"}[tls])
		require.True(t, asks(v), "the cookie of the other kind of connection does not count")
	}
	v := d.signIn(viewer)
	for _, forged := range []string{"", ".", "e30.", v.cookies[0].Value + "x", "x" + v.cookies[0].Value, strings.ToUpper(v.cookies[0].Value)} {
		other := &visitor{d: d, headers: http.Header{}, cookies: []*http.Cookie{{Name: "botgate_console", Value: forged}}}
		require.True(t, asks(other), "%q", forged)
	}
	another := newDesk(t, func(c *console.Config) { c.Secret = []byte("another secret of at least 32 bytes") })
	require.True(t, asks(&visitor{d: another, headers: http.Header{}, cookies: v.cookies}))
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	v := d.signIn(viewer)
	w := v.send(http.MethodPost, "/console/sign-out", url.Values{})
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.NotEmpty(t, w.Header().Get("Clear-Site-Data"))
	require.Equal(t, -1, w.Result().Cookies()[0].MaxAge)
	require.Equal(t, http.StatusNotFound, v.send(http.MethodGet, "/console/sign-out", nil).Code, "a link can't sign anybody out")
}

// TestComeBack: who has to sign in comes back to the same page, and never to another site.
func TestComeBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	v := &visitor{d: d, headers: http.Header{}}
	w := v.send(http.MethodGet, "/console/events?bot=flaky&from=1h", nil)
	require.Equal(t, "/console/login?next="+url.QueryEscape("/console/events?bot=flaky&from=1h"), w.Header().Get("Location"))
	for next, want := range map[string]string{
		"/console/dead?bot=x": "/console/dead?bot=x", "https://evil.test/console/": "/console/", "//evil.test/console/x": "/console/",
		`/\evil.test`: "/console/", "/v1/events": "/console/", "javascript:alert(1)": "/console/", "/console/login": "/console/", "": "/console/",
	} {
		page := v.page("/console/login?" + url.Values{"next": {next}}.Encode())
		require.Contains(t, page, `data-next="`+want+`"`, next)
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	v := d.signIn(viewer)
	for _, path := range []string{"/console/events", "/console/login", "/console/nothing"} {
		h := v.send(http.MethodGet, path, nil).Header()
		policy := h.Get("Content-Security-Policy")
		require.NotContains(t, policy, "unsafe")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types console"} {
			require.Contains(t, policy, part)
		}
		require.Equal(t, "same-origin", h.Get("Cross-Origin-Opener-Policy"))
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	}
	page := v.page("/console/events")
	css := page[strings.Index(page, "/console/static/"):]
	css = strings.Replace(css[:strings.IndexByte(css, '"')], "icon.svg", "console.css", 1)
	v.headers.Set("Accept-Encoding", "gzip, br")
	w := v.send(http.MethodGet, css, nil)
	require.Equal(t, http.StatusOK, w.Code, css)
	require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
	require.Contains(t, w.Header().Get("Cache-Control"), "immutable")
}
