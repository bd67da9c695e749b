package urlpath_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/urlpath"
)

func TestClear(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/": true, "/v1/events": true, "/v1/events/": true, "/v1/users/a%2Fb": true, "/v1/users/a%5cb": true, "/v1/users/%2F": true,
		"/v1/users/..a": true, "/v1/users/a..": true, "/v1/users/...": true, "/v1/users/%E2%80%A6": true, "/v1/users/a%2F%2Fb": true,
		"/v1/users/%252e%252e": true, "/v1/users/100%25": true,
		"": false, "v1": false, "//": false, "//v1": false, "/v1//events": false, "/v1/events//": false,
		"/v1/./events": false, "/v1/../events": false, "/v1/events/..": false, "/v1/events/.": false, "/v1/%2e/events": false,
		"/v1/%2E%2e/events": false, "/v1/.%2e": false, "/v1/sessions/demo/..%2f..%2fevents%2fx": false, "/v1/sessions/demo/..%5C..%5cevents": false,
		"/v1/users/a%2F..": false, "/v1/users/a%5C.": false, `/v1/users/..\a`: false, "/v1/users/%zz": false, "/v1/users/%": false,
	} {
		require.Equal(t, want, urlpath.Clear(path), path)
	}
}

// FuzzPatterns: a path that is matched means the same to who cleans and decodes it at first, but for the
// slashes in its names.
func FuzzPatterns(f *testing.F) {
	f.Add("/v1/users/a%2Fb/data")
	f.Add("/v1/sessions/demo/..%2f..%2fevents%2fx")
	f.Add("/v1/%64ead/x")
	f.Fuzz(func(t *testing.T, path string) {
		parsed, err := url.ParseRequestURI(path)
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		r := &http.Request{Method: http.MethodGet, URL: parsed}
		var data, admin urlpath.Patterns
		data.Add("/v1/users/{user}/data")
		admin.Add("/v1/dead/{id}")
		if data.Match(r) != nil {
			require.True(t, strings.HasPrefix(parsed.Path, "/v1/users/") && strings.HasSuffix(parsed.Path, "/data"))
			require.Nil(t, admin.Match(r))
			mux := http.NewServeMux()
			user := ""
			mux.HandleFunc("/v1/users/{user}/data", func(_ http.ResponseWriter, r *http.Request) { user = r.PathValue("user") })
			mux.ServeHTTP(httptest.NewRecorder(), r)
			require.NotEmpty(t, user)
		}
	})
}

// FuzzPatternsAreThoseOfTheMux compares the patterns with an [http.ServeMux] that has them.
func FuzzPatternsAreThoseOfTheMux(f *testing.F) {
	for _, path := range []string{
		"/v1/dead", "/v1/dead/", "/v1/dead/a/b", "/v1/%64ead/x", "/v1/users/a%2Fb/data", "/v1/users//data", "/v1/users/", "/v1/bots/demo/commands",
		"/v1/bots/demo/commands/", "/v1/a/b", "/", "/caf%C3%A9/x", "/%7Bname%7D", "/deep/", "/deep/x/", "/deep", "/v1/..",
	} {
		f.Add(path)
	}
	all := [][]string{
		{"/v1/dead", "/v1/dead/{rest...}", "/v1/users/{user}/data"},
		{"/v1/bots/{bot}/commands"},
		{"/{rest...}"},
		{"/v1/{rest...}", "/v1/a/b"},
		{"/caf%C3%A9/{x}", "/{one}"},
		{"/deep/", "/v1/dead/{$}", "/v1/{any}"},
	}
	f.Fuzz(func(t *testing.T, path string) {
		parsed, err := url.ParseRequestURI(path)
		if err != nil || !urlpath.Clear(parsed.EscapedPath()) {
			return
		}
		r := &http.Request{Method: http.MethodPost, URL: parsed}
		for _, patterns := range all {
			var ours urlpath.Patterns
			mux := http.NewServeMux()
			for _, pattern := range patterns {
				ours.Add(pattern)
				mux.Handle(pattern, known{})
			}
			handler, _ := mux.Handler(r)
			_, want := handler.(known)
			require.Equal(t, want, ours.Match(r) != nil, "%s of %v", path, patterns)
		}
	})
}

type known struct{}

func (known) ServeHTTP(http.ResponseWriter, *http.Request) {}
