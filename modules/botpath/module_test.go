package botpath

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/report"
	"github.com/botgate/botgate/modules/internal/adapttest"
	"github.com/botgate/botgate/modules/internal/refusals"
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

// TestRefusalsHaveTheBotOfTheirRoute, whatever bots are called.
func TestRefusalsHaveTheBotOfTheirRoute(t *testing.T) {
	t.Parallel()
	m := &Matcher{Patterns: []string{"/v1/bots/{bot}/commands", "/v1/events/{id}", "/hooks/{bot}/github"}}
	slash := &Matcher{Patterns: []string{"/hooks/{bot}/github/"}}
	require.NoError(t, errors.Join(m.Provision(caddy.Context{}), slash.Provision(caddy.Context{})))
	bots := []string{"v1", "bots", "hooks", "events", "github", "a/b"}
	for target, want := range map[string]string{
		"/v1/bots/v1/commands": "v1", "/v1/bots/bots/commands": "bots", "/v1/bots/hooks/commands": "hooks",
		"/v1/bots/%76%31/commands": "v1", "/v1/bots/a%2Fb/commands": "a/b",
		"/hooks/github/github": "github", "/hooks/events/github": "events", "/hooks/bots/github/": "bots",
		"/v1/events/bots": "", "/v1/bots/nobody/commands": "", "/hooks/bots/slack": "", "/": "",
	} {
		r := httptest.NewRequest(http.MethodPost, target, nil)
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), httptest.NewRecorder(), &caddyhttp.Server{})
		for _, matcher := range []*Matcher{m, slash} {
			_, err := matcher.MatchWithError(r)
			require.NoError(t, err)
		}
		tally, made := refusals.NewTally(), report.Report{}
		tally.Note(r, report.Refusal{Handler: "bot_jwt", Reason: "expired"}, func(bot string) bool { return slices.Contains(bots, bot) })
		require.True(t, tally.Take(&made))
		require.Equal(t, want, made.Counts[0].Bot, target)
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
