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
		if data.Match(r) {
			require.True(t, strings.HasPrefix(parsed.Path, "/v1/users/") && strings.HasSuffix(parsed.Path, "/data"))
			require.False(t, admin.Match(r))
			mux := http.NewServeMux()
			user := ""
			mux.HandleFunc("/v1/users/{user}/data", func(_ http.ResponseWriter, r *http.Request) { user = r.PathValue("user") })
			mux.ServeHTTP(httptest.NewRecorder(), r)
			require.NotEmpty(t, user)
		}
	})
}
