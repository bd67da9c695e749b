package botsignature

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"
)

// provision loads the handler as a configuration does.
func provision(t testing.TB, h *Handler) error {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if err := h.Provision(ctx); err != nil {
		return err
	}
	return h.Validate()
}

func writeFile(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestProvisionErrorsNameTheOption(t *testing.T) {
	t.Parallel()
	good := writeFile(t, "s3cret-0123456789")
	github := func(s *PlatformConfig) map[string]*PlatformConfig { return map[string]*PlatformConfig{"github": s} }
	tests := map[string]struct {
		handler Handler
		want    string
	}{
		"no such file":       {Handler{Platform: "github", Platforms: github(&PlatformConfig{Files: []string{good + "x"}})}, "github: option secret_file: reading a secret: open " + good + "x"},
		"empty file":         {Handler{Platform: "github", Platforms: github(&PlatformConfig{Files: []string{good, writeFile(t, "\n")}})}, "it is empty"},
		"no such env":        {Handler{Platform: "github", Platforms: github(&PlatformConfig{Envs: []string{"BOTGATE_TEST_ABSENT"}})}, "github: option secret_env: environment variable BOTGATE_TEST_ABSENT"},
		"no secrets":         {Handler{Platform: "github", Platforms: github(&PlatformConfig{})}, "github: option secret_file or secret_env"},
		"null":               {Handler{Platform: "github", Platforms: github(nil)}, "github: option secret_file or secret_env"},
		"of the wrong form":  {Handler{Platform: "standard-webhooks", Platforms: map[string]*PlatformConfig{"standard-webhooks": {Files: []string{good}}}}, `standard-webhooks: option secret_file: ` + good + `: the secret is neither of the form`},
		"unknown platform":   {Handler{Platform: "gitlab", Platforms: map[string]*PlatformConfig{"gitlab": {Files: []string{good}}}}, `unknown platform "gitlab"; there are botframework, discord, github, `},
		"other platform":     {Handler{Platform: "standard-webhooks", Platforms: github(&PlatformConfig{Files: []string{good}})}, `nothing is configured for the platform "standard-webhooks"`},
		"no platform":        {Handler{Platforms: github(&PlatformConfig{Files: []string{good}})}, "name the platform"},
		"none configured":    {Handler{Platform: "{path.2}"}, "no platform is configured"},
		"negative size":      {Handler{Platform: "github", MaxSize: -1}, "option max_size"},
		"unnamed in nothing": {Handler{}, "name the platform"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := provision(t, &tt.handler)
			require.ErrorContains(t, err, "bot_signature: ")
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

// TestReload loads the module twice from JSON, as a reload does with both alive.
func TestReload(t *testing.T) {
	t.Parallel()
	ctx, err := caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}})
	require.NoError(t, err)
	raw, err := json.Marshal(Handler{
		Platform: "github", Platforms: map[string]*PlatformConfig{"github": {Files: []string{writeFile(t, "s3cret-0123456789\n")}}},
	})
	require.NoError(t, err)
	for range 2 {
		module, err := ctx.LoadModuleByID("http.handlers.bot_signature", raw)
		require.NoError(t, err)
		w, p := send(t, module.(*Handler), signed(t, "github", "s3cret-0123456789", `{}`))
		require.True(t, p.reached, w.Body)
	}
}

// TestOptionsFromFiles may be as Windows writes them, like secrets; what stands in the configuration is as it is.
func TestOptionsFromFiles(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"token\r\n": "token", "\xef\xbb\xbftoken \n": "token", "\xff\xfet\x00o\x00": "to",
	} {
		options, err := (&PlatformConfig{Options: map[string]string{
			"verify_token": "{file." + writeFile(t, content) + "}", "separator": "; ", "signed": "{body}",
		}}).expanded()
		require.NoError(t, err)
		require.Equal(t, map[string]string{"verify_token": want, "separator": "; ", "signed": "{body}"}, options)
	}
	_, err := (&PlatformConfig{Options: map[string]string{"verify_token": "{file." + writeFile(t, "\xff\xfet") + "}"}}).expanded()
	require.ErrorContains(t, err, "option verify_token: ")
}

// TestWarningOfSignaturesForEveryHost is in the log of whoever loads such a configuration.
func TestWarningOfSignaturesForEveryHost(t *testing.T) {
	t.Parallel()
	for url, warned := range map[string]bool{"": true, "https://bots.example.com": false} {
		c := &PlatformConfig{Files: []string{writeFile(t, "0123456789abcdef0123456789abcdef")}, Options: map[string]string{}}
		if url != "" {
			c.Options["url"] = url
		}
		var log bytes.Buffer
		from, err := c.open("twilio", slog.New(slog.NewTextHandler(&log, nil)))
		require.NoError(t, err)
		require.NoError(t, from.secrets.Close())
		require.Equal(t, warned, strings.Contains(log.String(), "option url"), log.String())
	}
}
