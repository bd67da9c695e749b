package modules_test

import (
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/stretchr/testify/require"
)

// site is where the routes of the shipped Caddyfile begin.
const site = ":{$BOTGATE_HTTP_PORT:8080} {\n"

// TestValidateRefusesWhatNobodyChecks takes the checks of the shipped Caddyfile away, one at a time.
func TestValidateRefusesWhatNobodyChecks(t *testing.T) {
	const client = "import client "
	for name, c := range map[string]struct {
		changes []string
		want    string
	}{
		"commands": {[]string{client + "commands:write\n\t\t\tbot_schema command.v1.json\n\t\t\tbot_enqueue", "bot_enqueue"}, "bot_enqueue in the route of"},
		"sidecar":  {[]string{client + "commands:write {\n\t\t\t\trequire_bot demo\n\t\t\t}\n", "\n"}, "/v1/bots/demo/ask"},
		"events":   {[]string{client + "events:read\n", "\n"}, "/v1/events/{id}"},
		"admin":    {[]string{client + "events:admin\n", "\n"}, "/v1/dead"},
		"sessions": {[]string{client + "sessions:write\n", "\n"}, "/v1/sessions/{bot}/{user}"},
		"signature": {[]string{
			"\t\tbot_signature github {\n", "\t\tbot_schema command.v1.json {\n",
			"queue_ping on", "", "secret_file {$BOTGATE_DATA:data}/github.secret", "",
		}, "^/hooks/([A-Za-z0-9_-]+)/github$"},
		"no block": {[]string{site, site + "\timport hook slack\n"}, "/slack$"},
		"order": {
			[]string{client + "events:read\n", "import backend\n\t\t\t" + client + "events:read\n"},
			"bot_jwt in the route of bot_path",
		},
		"another path":   {[]string{site, site + "\thandle /status/* {\n\t\timport backend\n\t}\n"}, "/status/*"},
		"errors":         {[]string{"handle_errors {\n", "handle_errors {\n\t\timport backend\n"}, "errors.routes[0]"},
		"another server": {[]string{site, ":8099 {\n\timport backend\n}\n\n" + site}, "bot_api in the route of all requests"},
	} {
		t.Run(name, func(t *testing.T) {
			err := validate(t, shipped(t, c.changes...))
			require.ErrorContains(t, err, "no check of who")
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestValidateTakesWhatIsOpenOnPurpose opens routes as their handlers ask for.
func TestValidateTakesWhatIsOpenOnPurpose(t *testing.T) {
	require.NoError(t, validate(t, shipped(t, site, site+`	handle /status/* {
		bot_open
		import backend
	}
	handle /forms/* {
		bot_enqueue {
			bot demo
			open
		}
	}
`)))
}

// TestValidateNamesTheMissingUpstream is about a configuration that can't be used for another reason: it is said in words.
func TestValidateNamesTheMissingUpstream(t *testing.T) {
	err := validate(t, ":8080 {\n\thandle /openapi.json {\n\t\tbot_api\n\t}\n}\n")
	require.ErrorContains(t, err, "an upstream is required")
}

// TestStartRefusesWhatNoHandlerCouldSee loads a proxy to the backend's API, with no handler of Botgate beside it.
func TestStartRefusesWhatNoHandlerCouldSee(t *testing.T) {
	config := "{\n\tadmin off\n\tauto_https off\n\tbotgate {\n\t\tdata {$BOTGATE_DATA}\n\t\tbots demo\n\t}\n}\n" +
		"http://127.0.0.1:0 {\n\treverse_proxy 127.0.0.1:8081\n}\n"
	t.Setenv("BOTGATE_DATA", t.TempDir())
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, caddy.Stop()) })
	require.ErrorContains(t, caddy.Load(adapted, true), "reverse_proxy in the route of host 127.0.0.1")
}
