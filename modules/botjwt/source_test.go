package botjwt

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/lockout"
)

func TestQueryTokensAreTakenOut(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]struct {
		rest   string
		values []string
	}{
		"token=T":                 {"", []string{"T"}},
		"a=1&token=T&b=%20":       {"a=1&b=%20", []string{"T"}},
		"x=%zz&token=T":           {"x=%zz", []string{"T"}},
		"a;token=T":               {"a", []string{"T"}},
		"token=T;a&b":             {"a&b", []string{"T"}},
		"token=T&token=U":         {"", []string{"T", "U"}},
		"%74oken=T&t%6Fken=U":     {"", []string{"T", "U"}},
		"token=%54":               {"", []string{"T"}},
		"token=%zz":               {"", []string{"%zz"}},
		"token":                   {"", []string{""}},
		"a=1&&token=T&":           {"a=1&", []string{"T"}},
		"tokens=T&a=token&Token=": {"tokens=T&a=token&Token=", nil},
		"x=%zz;&&":                {"x=%zz;&&", nil},
		"":                        {"", nil},
	} {
		rest, values := withoutParameter(query, "token")
		require.Equal(t, want.rest, rest, query)
		require.Equal(t, want.values, values, query)
	}
}

// FuzzWithoutParameter: nobody behind the handler finds the token, whichever characters end a parameter there.
func FuzzWithoutParameter(f *testing.F) {
	for _, seed := range []string{"token=T", "x=%zz&token=T", "?a;token=T", "%74oken=T&token", "a=token=T", "token;token&+token=%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		rest, values := withoutParameter(query, "token")
		for _, separators := range []string{"&", ";", "&;"} {
			for _, part := range strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
				key, _, _ := strings.Cut(part, "=")
				name, _ := url.QueryUnescape(key)
				require.NotEqual(t, "token", name, "%q became %q", query, rest)
			}
		}
		if len(values) == 0 {
			require.Equal(t, query, rest)
		}
	})
}

func TestCookieTokensAreTakenOut(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ lines, rest, values []string }{
		"alone":         {[]string{"session=T"}, nil, []string{"T"}},
		"among others":  {[]string{"a=1; session=T; b=x=y"}, []string{"a=1; b=x=y"}, []string{"T"}},
		"quoted":        {[]string{`session="T"`}, nil, []string{"T"}},
		"odd blanks":    {[]string{" session = T ;b=2"}, []string{"b=2"}, []string{"T"}},
		"malformed":     {[]string{"session=T\x01, x;b=2"}, []string{"b=2"}, []string{"T\x01, x"}},
		"several lines": {[]string{"session=T", "a=1", "session=U"}, []string{"a=1"}, []string{"T", "U"}},
		"similar names": {[]string{"sessions=T; my-session=U"}, []string{"sessions=T; my-session=U"}, nil},
		"none":          {nil, nil, nil},
	} {
		header := http.Header{}
		if tt.lines != nil {
			header["Cookie"] = tt.lines
		}
		require.Equal(t, tt.values, takeCookie(header, "session"), name)
		require.Equal(t, tt.rest, header["Cookie"], name)
	}
}

// TestCookieTokensOfOtherOrigins has a page of another site send the user's cookie.
func TestCookieTokensOfOtherOrigins(t *testing.T) {
	t.Parallel()
	h := withKey(t, Handler{Sources: []SourceConfig{{In: inHeader}, {In: inCookie, Name: "session"}}})
	token := sign(t, "HS256", nil, fresh(nil))
	request := func(method, site string) *http.Request {
		r := httptest.NewRequest(method, "/v1/dead/replay", nil)
		r.Header.Set("Sec-Fetch-Site", site)
		return r
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		r := request(method, "cross-site")
		r.Header.Set("Cookie", "session="+token)
		w, seen := through(t, h, r)
		require.Nil(t, seen, method)
		require.Equal(t, http.StatusForbidden, w.Code, method)
		require.Contains(t, w.Body.String(), "cross-origin", method)

		r = request(method, "same-origin")
		r.Header.Set("Cookie", "session="+token+"; theme=dark")
		_, seen = through(t, h, r)
		require.NotNil(t, seen, method)
		require.Equal(t, "theme=dark", seen.Header.Get("Cookie"), "the token is for nobody behind")

		r = request(method, "cross-site")
		r.Header.Set("Authorization", "Bearer "+token)
		_, seen = through(t, h, r)
		require.NotNil(t, seen, "no page has a header sent that the user does not know of")
	}
	r := request(http.MethodGet, "cross-site")
	r.Header.Set("Cookie", "session="+token)
	_, seen := through(t, h, r)
	require.NotNil(t, seen, "a page can't read the answer")
}

// TestWhatPagesSendLocksNobodyOut fails with tokens where any page can put them.
func TestWhatPagesSendLocksNobodyOut(t *testing.T) {
	t.Parallel()
	h := withKey(t, Handler{Sources: []SourceConfig{{In: inHeader}, {In: inCookie, Name: "session"}, {In: inQuery, Name: "token"}}})
	var err error
	h.guard, err = lockout.Acquire(t.Name(), lockout.Config{
		Failures: 3, Window: caddy.Duration(time.Minute), Duration: caddy.Duration(time.Minute),
	}, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	good := sign(t, "HS256", nil, fresh(nil))
	request := func(query, cookie, header string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/"+query, io.NopCloser(http.NoBody))
		r.Header.Set("Cookie", cookie)
		r.Header.Set("Authorization", header)
		return r
	}
	for range 5 {
		forged := request("", "session="+good, "")
		forged.Header.Set("Origin", "https://evil.example")
		for _, r := range []*http.Request{
			request("?token=x.y.z", "", ""), request("?token="+good+"x", "", ""), request("", "session=x.y.z", ""),
			request("?token=x&token=y", "", ""), request("?token=x", "", "Bearer "+good), forged,
		} {
			_, seen := through(t, h, r)
			require.Nil(t, seen)
		}
	}
	_, seen := through(t, h, request("", "", "Bearer "+good))
	require.NotNil(t, seen, "nobody at this address failed")
	for range 3 {
		through(t, h, request("", "", "Bearer "+good+"x"))
	}
	w, _ := through(t, h, request("", "", "Bearer "+good))
	require.Equal(t, http.StatusTooManyRequests, w.Code)
}
