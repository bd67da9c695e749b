package cli

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/golang-jwt/jwt/v5"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/secret"
)

// flags parses arguments as the command of these flags does.
func flags(t *testing.T, add func(*pflag.FlagSet), args ...string) caddycmd.Flags {
	t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	set.String("data", "", "")
	add(set)
	require.NoError(t, set.Parse(args))
	return caddycmd.Flags{FlagSet: set}
}

func TestInitializeMakesWhatIsMissingOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	made, err := initialize(dir, defaultBotListen)
	require.NoError(t, err)
	require.Len(t, made, 7)
	contents := map[string]string{}
	for _, path := range made {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), path)
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, contents, string(raw), "no two secrets are equal")
		contents[string(raw)] = path
	}
	set, err := bots.Load(filepath.Join(dir, botsFile))
	require.NoError(t, err, "the bots file can be read by the backend")
	require.Equal(t, []string{demoBot}, set.Names())

	require.NoError(t, os.Remove(made[0]))
	again, err := initialize(dir, defaultBotListen)
	require.NoError(t, err)
	require.Equal(t, made[:1], again, "the others are left as they are")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 7, "no temporary file is left")
}

func TestTokenIsWhatTheCaddyfileAccepts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := initialize(dir, defaultBotListen)
	require.NoError(t, err)
	token, err := mintToken(flags(t, tokenFlags, "--data", dir, "--sub", "alice", "--scope", "a b", "--ttl", "5m"))
	require.NoError(t, err)
	secret, err := secret.FromFile(filepath.Join(dir, jwtSecretFile))
	require.NoError(t, err)
	claims := jwt.MapClaims{}
	_, err = jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return secret, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer("botgate"), jwt.WithAudience("botgate"), jwt.WithExpirationRequired())
	require.NoError(t, err)
	require.Equal(t, []any{"alice", "a b"}, []any{claims["sub"], claims["scope"]})
	expires, err := claims.GetExpirationTime()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(5*time.Minute), expires.Time, time.Minute)

	require.NotContains(t, claims, "bot", "it is for all bots")
	require.NotEmpty(t, claims["jti"], "it can be revoked")

	of, err := specOf(flags(t, tokenFlags, "--bot", "demo", "--jti", "build-7")).claims(time.Now())
	require.NoError(t, err)
	require.Equal(t, []any{"demo", "build-7"}, []any{of["bot"], of["jti"]})

	for _, args := range [][]string{
		{"--data", dir, "--ttl", "0s"},
		{"--data", dir, "--sub", " "},
		{"--data", dir, "--sub", "alice "},
		{"--data", t.TempDir()},
		{"--data", dir, "--bot", "*"},
		{"--data", dir, "--bot", "demo "},
	} {
		_, err := mintToken(flags(t, tokenFlags, args...))
		require.Error(t, err, "%v", args)
	}
}

func TestSignaturesVerify(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := initialize(dir, defaultBotListen)
	require.NoError(t, err)
	file := filepath.Join(dir, "push.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"a":1}`), 0o600))
	for _, name := range []string{"github", "standard-webhooks"} {
		header, err := sign(flags(t, signFlags, "--data", dir, name, file))
		require.NoError(t, err, name)
		require.Equal(t, "application/json", header.Get("Content-Type"))
		verifier, err := platform.New(name, nil)
		require.NoError(t, err)
		raw, err := secret.FromFile(filepath.Join(dir, name+".secret"))
		require.NoError(t, err)
		secret, err := verifier.ParseSecret(raw)
		require.NoError(t, err)
		request := &platform.Request{Method: http.MethodPost, Header: header, Body: []byte(`{"a":1}`), Now: time.Now()}
		require.NoError(t, verifier.Verify(request, []platform.Secret{secret}), name)
		request.Body = []byte(`{"a":2}`)
		require.Error(t, verifier.Verify(request, []platform.Secret{secret}), name)
	}
	header, err := sign(flags(t, signFlags, "--data", dir, "--id", "d-1", "github", file))
	require.NoError(t, err)
	require.Equal(t, []string{"push", "d-1"}, []string{header.Get("X-GitHub-Event"), header.Get("X-GitHub-Delivery")})
	header, err = sign(flags(t, signFlags, "--data", dir, "--event", "issues", "github", file))
	require.NoError(t, err)
	require.Equal(t, "issues", header.Get("X-GitHub-Event"))
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := initialize(dir, defaultBotListen)
	require.NoError(t, err)
	for want, args := range map[string][]string{
		"platform and a file": {"github"},
		"unknown platform":    {"myspace", "x"},
		"from a secret":       {"twilio", "x"},
		"botgate init":        {"--secret-file", filepath.Join(dir, "nope"), "github", "x"},
		"no such file":        {"github", filepath.Join(dir, "nope.json")},
	} {
		_, err := sign(flags(t, signFlags, append([]string{"--data", dir}, args...)...))
		require.ErrorContains(t, err, want)
	}
}

func TestExampleBotActsOncePerID(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := initialize(dir, defaultBotListen)
	require.NoError(t, err)
	var printed bytes.Buffer
	bot, err := startExampleBot(t.Context(), filepath.Join(dir, botSecretFile), "127.0.0.1:0", &printed)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bot.stop(context.Background())) })

	deliver := func(id string) int {
		body := []byte(`{"command":"/x"}`)
		r := httptest.NewRequest(http.MethodPost, "/events", bytes.NewReader(body))
		signed := &platform.Request{Body: body, Now: time.Now()}
		r.Header = platform.StandardWebhooks().(platform.Signer).Sign(bot.secret, signed, id)
		r.Header.Set("ce-type", "command")
		w := httptest.NewRecorder()
		bot.event(w, r)
		return w.Code
	}
	require.Equal(t, http.StatusNoContent, deliver("1"))
	require.Equal(t, http.StatusNoContent, deliver("1"), "a repeat is answered as well as the first")
	require.Equal(t, http.StatusNoContent, deliver("2"))
	require.Equal(t, 2, bytes.Count(printed.Bytes(), []byte("bot: command from somebody")))

	w := httptest.NewRecorder()
	bot.event(w, httptest.NewRequest(http.MethodPost, "/events", bytes.NewReader([]byte(`{}`))))
	require.Equal(t, http.StatusUnauthorized, w.Code)
}
