package botpath

import (
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/adapttest"
)

func TestAdapt(t *testing.T) { adapttest.Run(t) }

func TestMatch(t *testing.T) {
	t.Parallel()
	m := &Matcher{Patterns: []string{"/v1/users/{user}/data", "/v1/dead/{rest...}"}}
	require.NoError(t, m.Provision(caddy.Context{}))
	for target, want := range map[string]bool{
		"/v1/users/alice/data": true, "/v1/users/a%2Fb/data": true, "/v1/users/a%2Fdata": false, "/v1/users/a/b/data": false,
		"/v1/users/alice/d%61ta": true, "/v1/users/alice/data/": false, "/v1/users/alice/data?bot=demo": true,
		"/v1/dead/": true, "/v1/dead/a/replay": true, "/v1/dead/..%2fevents": false, "/v1/dead/../events": false, "/v1//dead/a": false,
		"/v1/dead": false, "/V1/dead/a": false,
	} {
		matched, err := m.MatchWithError(httptest.NewRequest("PURGE", target, nil))
		require.NoError(t, err)
		require.Equal(t, want, matched, target)
	}
}

func TestPatternsMustFit(t *testing.T) {
	t.Parallel()
	for want, patterns := range map[string][]string{
		"at least one pattern":    nil,
		"begin with a slash":      {"v1"},
		"GET /v1":                 {"GET /v1"},
		`parsing "/v1/{user"`:     {"/v1/{user"},
		"conflicts with pattern ": {"/v1/{a}/x", "/v1/x/{b}"},
	} {
		require.ErrorContains(t, (&Matcher{Patterns: patterns}).Provision(caddy.Context{}), want)
	}
}
