package modules_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"

	_ "github.com/botgate/botgate/modules"
)

const shippedPath = "../Caddyfile"

// shipped is the shipped Caddyfile with changes, pairs of old and new that each apply.
func shipped(t *testing.T, changes ...string) string {
	t.Helper()
	content, err := os.ReadFile(shippedPath)
	require.NoError(t, err)
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, string(content), changes[i])
	}
	return strings.NewReplacer(changes...).Replace(string(content))
}

// adapted is the shipped Caddyfile in JSON, as the environment has it.
func adapted(t *testing.T) string {
	t.Helper()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(shipped(t)), nil)
	require.NoError(t, err)
	return string(config)
}

// validate does what "botgate validate" does, with secrets and a bots file in place.
func validate(t *testing.T, config string) error {
	t.Helper()
	data := t.TempDir()
	for name, content := range map[string]string{
		"jwt.secret":               "4c0f8f5f0a0b4c2e9d3b7a61c5e2f90b",
		"console.secret":           "3b9d1f6e8c2a4b7d9e0f1a2b3c4d5e6f",
		"github.secret":            "2f7c9f1b6a3d4e8fa0b1c2d3e4f5a6b7",
		"standard-webhooks.secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"bots.json":                `{"bots": {"demo": {"url": "http://127.0.0.1:9090/events", "allow_private": true, "secret_files": ["demo.secret"]}}}`,
		"demo.secret":              "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(data, name), []byte(content+"\n"), 0o600))
	}
	t.Setenv("BOTGATE_DATA", data)
	return adaptAndValidate(t, config)
}

func adaptAndValidate(t *testing.T, config string) error {
	t.Helper()
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), nil)
	if err != nil {
		return err
	}
	var parsed *caddy.Config
	require.NoError(t, caddy.StrictUnmarshalJSON(adapted, &parsed))
	return caddy.Validate(parsed)
}

// TestShippedCaddyfileIsFormatted keeps Caddy from warning at each run, reload and validate.
func TestShippedCaddyfileIsFormatted(t *testing.T) {
	t.Parallel()
	content := shipped(t)
	require.Equal(t, string(caddyfile.Format([]byte(content))), content, "run: botgate fmt --overwrite Caddyfile")
}

// TestBalancerIsValid is about what stands in front of two gateways in the compose file.
func TestBalancerIsValid(t *testing.T) {
	config, err := os.ReadFile("../deploy/compose/balancer.Caddyfile")
	require.NoError(t, err)
	require.Equal(t, string(caddyfile.Format(config)), string(config), "run: botgate fmt --overwrite")
	require.NoError(t, adaptAndValidate(t, string(config)))
}

func TestShippedCaddyfileIsValid(t *testing.T) {
	require.NoError(t, validate(t, shipped(t)))
}

// TestAccessLogIsAVariable: it is off unless somebody asks for it, and nobody misspells it unnoticed.
func TestAccessLogIsAVariable(t *testing.T) {
	require.NotContains(t, adapted(t), `"logs":{}`)
	for value, on := range map[string]bool{"off": false, "on": true} {
		t.Setenv("BOTGATE_ACCESS_LOG", value)
		require.Equal(t, on, strings.Contains(adapted(t), `"logs":{}`), value)
	}
	t.Setenv("BOTGATE_ACCESS_LOG", "yes")
	require.ErrorContains(t, validate(t, shipped(t)), "access_log_yes")
}

// TestNoCheckOfAHookIsLostByItsName misspells what stands in the block of an import, where Caddy itself
// ignores names that a snippet does not ask for.
func TestNoCheckOfAHookIsLostByItsName(t *testing.T) {
	const check = "\t\tbot_schema github.json\n"
	for _, block := range []string{"after", "afterr", "befor", "before", "signature", "checks"} {
		config := shipped(t, check, "\t\t"+block+" {\n"+check+"\t\t}\n")
		require.ErrorContains(t, validate(t, config), "unrecognized directive: "+block)
	}
	require.ErrorContains(t, validate(t, shipped(t, "bot_schema github.json", "bot_shema github.json")), "bot_shema")
	require.ErrorContains(t, validate(t, shipped(t, "bot_signature github", "bot_signatur github")), "bot_signatur")
	require.ErrorContains(t, validate(t, shipped(t, "bot_signature github {", "import only_from_githb\n\t\tbot_signature github {")),
		"only_from_githb")
}
