package console_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/console"
	"github.com/botgate/botgate/backend/console/provider"
	"github.com/botgate/botgate/internal/testidp"
	"github.com/botgate/botgate/internal/testlog"
)

const redirectURL = "http://botgate.test" + console.CallbackPath

// withProvider is a console at which people of the provider sign in.
func withProvider(t *testing.T, idp *testidp.Provider, change ...func(*provider.Config)) (*desk, *testlog.Buffer) {
	t.Helper()
	cfg := provider.Config{
		Issuer: idp.URL, ClientID: testidp.ClientID, ClientSecret: testidp.ClientSecret, RedirectURL: redirectURL,
		UserClaim: "sub", GroupsClaim: "groups",
	}
	for _, c := range change {
		c(&cfg)
	}
	p, err := provider.New(cfg)
	require.NoError(t, err)
	log := &testlog.Buffer{}
	return newDesk(t, func(c *console.Config) {
		c.Provider, c.Logger = p, log.Logger()
		c.Groups = console.Groups{Viewers: []string{"staff"}, Operators: []string{"on-call", "ops"}, Admins: []string{"admins"}}
	}), log
}

// begin goes to the provider, and returns where that sends the browser back to.
func (v *visitor) begin(next string) (callback string) {
	v.d.t.Helper()
	w := v.send(http.MethodGet, "/console/oidc?"+url.Values{"next": {next}}.Encode(), nil)
	require.Equal(v.d.t, http.StatusSeeOther, w.Code, w.Body.String())
	v.cookies = w.Result().Cookies()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get(w.Header().Get("Location"))
	require.NoError(v.d.t, err)
	require.NoError(v.d.t, answer.Body.Close())
	require.Equal(v.d.t, http.StatusFound, answer.StatusCode)
	back := answer.Header.Get("Location")
	require.True(v.d.t, strings.HasPrefix(back, redirectURL+"?"), back)
	return strings.TrimPrefix(back, "http://botgate.test")
}

// signedIn reports whether an answer begins a session.
func signedIn(cookies []*http.Cookie) bool {
	for _, c := range cookies {
		if c.Name == "botgate_console" && c.MaxAge >= 0 {
			return true
		}
	}
	return false
}

// TestSignInAtProvider: the groups of the provider are roles, and the audit has its user.
func TestSignInAtProvider(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		groups, bot any
		role        string
		algorithm   jose.SignatureAlgorithm
	}{
		"viewer":           {groups: []string{"x", "staff"}, role: "viewer", algorithm: jose.RS256},
		"operator":         {groups: []string{"staff", "on-call"}, role: "operator", algorithm: jose.ES256},
		"one group":        {groups: "admins", role: "admin", algorithm: jose.RS256},
		"for one bot":      {groups: []any{7, "admins"}, bot: "demo", role: "admin", algorithm: jose.RS256},
		"of no group":      {groups: []string{"Staff", " staff", "staff,admins"}, algorithm: jose.RS256},
		"groups of a kind": {groups: map[string]any{"staff": true}, algorithm: jose.RS256},
		"no groups":        {algorithm: jose.RS256},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idp := testidp.New(t)
			idp.Claim("groups", test.groups)
			if test.bot != nil {
				idp.Claim("bot", test.bot)
			}
			idp.SignWith(func(payload []byte) string { return idp.Signed(test.algorithm, payload) })
			d, log := withProvider(t, idp)
			v := &visitor{d: d, headers: http.Header{}}
			require.Contains(t, v.page("/console/login?next=/console/dead"), "Sign in with "+strings.TrimPrefix(idp.URL, "http://"))
			w := v.send(http.MethodGet, v.begin("/console/jobs?status=done"), nil)
			if test.role == "" {
				require.Equal(t, http.StatusForbidden, w.Code)
				require.Contains(t, w.Body.String(), "You have no role here")
				require.Contains(t, w.Body.String(), "BOTGATE_CONSOLE_OIDC_VIEWERS")
				require.False(t, signedIn(w.Result().Cookies()))
				return
			}
			require.Equal(t, http.StatusSeeOther, w.Code, w.Body.String())
			require.Equal(t, "/console/jobs?status=done", w.Header().Get("Location"))
			require.True(t, signedIn(w.Result().Cookies()))
			require.Contains(t, log.String(), "user=olivia issuer="+idp.URL+" role="+test.role)
			v.cookies = w.Result().Cookies()
			page := v.page("/console/events")
			require.Contains(t, page, "olivia")
			require.Contains(t, page, test.role)
			if test.role == "admin" {
				v.send(http.MethodPost, "/console/bots/demo/pause", url.Values{})
				audit := v.page("/console/audit")
				require.Contains(t, audit, "olivia")
				require.Contains(t, audit, "pause")
			}
		})
	}
}

// TestHostileSignIn: whatever is not exactly the answer to this browser's own sign-in begins no session.
func TestHostileSignIn(t *testing.T) {
	t.Parallel()
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	for name, change := range map[string]func(t *testing.T, d *desk, idp *testidp.Provider, v *visitor, callback string) string{
		"wrong nonce":               wrong(func(c map[string]any) { c["nonce"] = "other" }),
		"no nonce":                  wrong(func(c map[string]any) { delete(c, "nonce") }),
		"wrong audience":            wrong(func(c map[string]any) { c["aud"] = "other" }),
		"for another client of two": wrong(func(c map[string]any) { c["aud"], c["azp"] = []string{"other", testidp.ClientID}, "other" }),
		"for two clients":           wrong(func(c map[string]any) { c["aud"] = []string{"other", testidp.ClientID} }),
		"wrong issuer":              wrong(func(c map[string]any) { c["iss"] = "https://evil.test" }),
		"expired":                   wrong(func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() }),
		"never expires":             wrong(func(c map[string]any) { delete(c, "exp") }),
		"not yet":                   wrong(func(c map[string]any) { c["nbf"] = time.Now().Add(time.Hour).Unix() }),
		"no user":                   wrong(func(c map[string]any) { c["sub"] = "" }),
		"user of another kind":      wrong(func(c map[string]any) { c["sub"] = []string{"olivia"} }),
		"user of two lines":         wrong(func(c map[string]any) { c["sub"] = "olivia\nX-Botgate-Bot: *" }),
		"endless user":              wrong(func(c map[string]any) { c["sub"] = strings.Repeat("x", 10_000) }),
		"alg none":                  signed(func(payload []byte) string { return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "." }),
		"alg none, in capitals":     signed(func(payload []byte) string { return encode([]byte(`{"alg":"None"}`)) + "." + encode(payload) + "." }),
		"signed with the client's secret": signed(func(payload []byte) string {
			return testidp.Sign(t, []byte(strings.Repeat(testidp.ClientSecret, 3)), jose.HS256, payload)
		}),
		"signed by somebody else": signed(func(payload []byte) string { return testidp.Sign(t, stranger, jose.ES256, payload) }),
		"no token":                signed(func([]byte) string { return "" }),
		"another state":           edited(func(q url.Values) { q.Set("state", "other") }),
		"no state":                edited(func(q url.Values) { q.Del("state") }),
		"two states":              edited(func(q url.Values) { q.Add("state", q.Get("state")) }),
		"another code":            edited(func(q url.Values) { q.Set("code", "other") }),
		"no code":                 edited(func(q url.Values) { q.Del("code") }),
		"refused there":           edited(func(q url.Values) { q.Set("error", "access_denied"); q.Set("error_description", hostile) }),
		"another browser": func(_ *testing.T, _ *desk, _ *testidp.Provider, v *visitor, callback string) string {
			v.cookies = nil
			return callback
		},
		"the flow of another browser": func(_ *testing.T, d *desk, _ *testidp.Provider, v *visitor, callback string) string {
			other := &visitor{d: d, headers: http.Header{}}
			other.begin("")
			v.cookies = other.cookies
			return callback
		},
		"two cookies": func(_ *testing.T, d *desk, _ *testidp.Provider, v *visitor, callback string) string {
			other := &visitor{d: d, headers: http.Header{}}
			other.begin("")
			v.cookies = append(v.cookies, other.cookies...)
			return callback
		},
		"a session for a flow": func(_ *testing.T, d *desk, _ *testidp.Provider, v *visitor, callback string) string {
			v.cookies = []*http.Cookie{{Name: v.cookies[0].Name, Value: d.signIn(admin).cookies[0].Value}}
			return callback
		},
		"too late": func(_ *testing.T, d *desk, _ *testidp.Provider, _ *visitor, callback string) string {
			d.clock = now.Add(11 * time.Minute)
			return callback
		},
		"replayed": func(t *testing.T, _ *desk, _ *testidp.Provider, v *visitor, callback string) string {
			t.Helper()
			require.Equal(t, http.StatusSeeOther, v.send(http.MethodGet, callback, nil).Code, "the first time is good")
			return callback
		},
		"away": func(_ *testing.T, _ *desk, idp *testidp.Provider, _ *visitor, callback string) string {
			idp.AnswerAll(http.StatusBadGateway)
			return callback
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idp := testidp.New(t)
			idp.Claim("groups", "admins")
			d, log := withProvider(t, idp)
			v := &visitor{d: d, headers: http.Header{}}
			callback := change(t, d, idp, v, v.begin(""))
			w := v.send(http.MethodGet, callback, nil)
			if name == "away" {
				require.Equal(t, http.StatusServiceUnavailable, w.Code)
				require.Contains(t, w.Body.String(), "The identity provider does not answer")
			} else {
				require.Equal(t, http.StatusForbidden, w.Code, w.Body.String())
			}
			require.False(t, signedIn(w.Result().Cookies()))
			require.NotContains(t, w.Body.String(), hostile)
			require.NotContains(t, log.String(), testidp.ClientSecret)
			require.NotContains(t, log.String(), "<b>no</b>")
		})
	}
}

// scenario changes what happens after a browser began to sign in, and returns where it comes back to.
type scenario = func(t *testing.T, d *desk, idp *testidp.Provider, v *visitor, callback string) string

func wrong(change func(map[string]any)) scenario {
	return func(_ *testing.T, _ *desk, idp *testidp.Provider, _ *visitor, callback string) string {
		idp.Wrong(change)
		return callback
	}
}

func signed(sign func([]byte) string) scenario {
	return func(_ *testing.T, _ *desk, idp *testidp.Provider, _ *visitor, callback string) string {
		idp.SignWith(sign)
		return callback
	}
}

func edited(change func(url.Values)) scenario {
	return func(t *testing.T, _ *desk, _ *testidp.Provider, _ *visitor, callback string) string {
		t.Helper()
		u, err := url.Parse(callback)
		require.NoError(t, err)
		query := u.Query()
		change(query)
		u.RawQuery = query.Encode()
		return u.String()
	}
}

// TestSignInGoesNowhereElse: the redirect address is fixed, and so is what follows it.
func TestSignInGoesNowhereElse(t *testing.T) {
	t.Parallel()
	idp := testidp.New(t)
	idp.Claim("groups", "staff")
	d, _ := withProvider(t, idp)
	for _, next := range []string{"https://evil.test/console/", "//evil.test/console/x", `/\evil.test`, "/v1/events", "/console/oidc", "/console/oidc/callback", "/console/x?" + strings.Repeat("y", 3000), ""} {
		v := &visitor{d: d, headers: http.Header{"X-Forwarded-Host": {"evil.test"}}}
		w := v.send(http.MethodGet, v.begin(next), nil)
		require.Equal(t, "/console/", w.Header().Get("Location"), next)
	}
}

// TestProviderAway: a provider that is down, or is none, lets nobody in and ends no session; it is asked again.
func TestProviderAway(t *testing.T) {
	t.Parallel()
	idp := testidp.New(t)
	idp.Claim("groups", "staff")
	d, log := withProvider(t, idp)
	idp.AnswerAll(http.StatusServiceUnavailable)
	v := &visitor{d: d, headers: http.Header{}}
	w := v.send(http.MethodGet, "/console/oidc", nil)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Contains(t, w.Body.String(), "botgate console-link makes one")
	require.Contains(t, log.String(), "the identity provider of the console does not answer")
	require.Contains(t, log.String(), "503")
	idp.AnswerAll(0)
	require.Equal(t, http.StatusSeeOther, v.send(http.MethodGet, v.begin(""), nil).Code)

	for name, change := range map[string]func(*provider.Config){
		"another issuer": func(c *provider.Config) { c.Issuer += "/" },
		"nobody there":   func(c *provider.Config) { c.Issuer = "http://127.0.0.1:1" },
	} {
		other, _ := withProvider(t, idp, change)
		w := (&visitor{d: other, headers: http.Header{}}).send(http.MethodGet, "/console/oidc", nil)
		require.Equal(t, http.StatusServiceUnavailable, w.Code, name)
	}
	wrongSecret, log := withProvider(t, idp, func(c *provider.Config) { c.ClientSecret = "other" })
	v = &visitor{d: wrongSecret, headers: http.Header{}}
	require.Equal(t, http.StatusForbidden, v.send(http.MethodGet, v.begin(""), nil).Code)
	require.Contains(t, log.String(), "invalid_client")
}

// TestAddressOfUser: one that the provider did not verify names nobody.
func TestAddressOfUser(t *testing.T) {
	t.Parallel()
	for verified, status := range map[any]int{true: http.StatusSeeOther, "true": http.StatusSeeOther, false: http.StatusForbidden, nil: http.StatusForbidden} {
		idp := testidp.New(t)
		idp.Claim("groups", "staff")
		idp.Claim("email", "olivia@example.com")
		idp.Claim("email_verified", verified)
		d, _ := withProvider(t, idp, func(c *provider.Config) { c.UserClaim = "email" })
		v := &visitor{d: d, headers: http.Header{}}
		require.Equal(t, status, v.send(http.MethodGet, v.begin(""), nil).Code, verified)
	}
}

func TestNoProvider(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	v := &visitor{d: d, headers: http.Header{}}
	require.NotContains(t, v.page("/console/login"), "Sign in with")
	for _, path := range []string{"/console/oidc", "/console/oidc/callback?code=x&state=y"} {
		require.Equal(t, http.StatusNotFound, v.send(http.MethodGet, path, nil).Code)
	}
}
