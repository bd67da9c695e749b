package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/reload"
)

// runBot runs botgate bot with arguments.
func runBot(t *testing.T, dir, address string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := &cobra.Command{Use: "bot", SilenceErrors: true}
	botCommand().CobraFunc(cmd)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(append(args, "--data", dir, "--address", address))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// TestBot adds a bot to a folder that has none, changes its secret, and takes it out.
func TestBot(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	const nobody = "127.0.0.1:1"
	run := func(args ...string) string {
		t.Helper()
		out, err := runBot(t, dir, nobody, args...)
		require.NoError(t, err, out)
		require.Contains(t, out+"2 seconds", "2 seconds")
		return out
	}
	secrets := func(name string) []string {
		t.Helper()
		set, err := bots.Load(filepath.Join(dir, botsFile))
		require.NoError(t, err)
		return set[name].Secrets
	}
	out := run("add", "orders", "--url", "https://user:hunter2@bot.example/events", "--timeout", "3s", "--queues", "4", "--on-dead", "hold",
		"--forward-headers", "x-slack-signature,X-Slack-Request-Timestamp")
	require.Contains(t, out, filepath.Join(dir, "orders-bot.secret"))
	require.Contains(t, out, "No gateway answers")
	require.NotContains(t, out, "whsec_")
	set, err := bots.Load(filepath.Join(dir, botsFile))
	require.NoError(t, err)
	require.Equal(t, 3*time.Second, set["orders"].Timeout)
	require.Equal(t, 4, set["orders"].Queues)
	require.Equal(t, bots.OnDeadHold, set["orders"].OnDead)
	require.Equal(t, []string{"X-Slack-Signature", "X-Slack-Request-Timestamp"}, set["orders"].ForwardHeaders)
	first := set["orders"].Secrets
	for _, name := range []string{botsFile, "orders-bot.secret"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	out = run("add", "local", "--url", "http://localhost:9090/", "--show-secret")
	require.Contains(t, out, "allow_private")
	require.Contains(t, out, "WEBHOOK_SECRET="+secrets("local")[0])

	out = run("add", "reports", "--pull", "--max-attempts", "5", "--keep-answers", "all")
	require.Contains(t, out, "botgate token --scope events:pull --bot reports")
	require.NotContains(t, out, "WEBHOOK_SECRET")
	set, err = bots.Load(filepath.Join(dir, botsFile))
	require.NoError(t, err)
	require.True(t, set["reports"].Pull)
	require.Equal(t, 5, set["reports"].MaxAttempts)
	require.Empty(t, secrets("reports"))
	require.NoFileExists(t, filepath.Join(dir, "reports-bot.secret"))
	require.Regexp(t, `(?m)^reports +\(pulls\) +1$`, run("list"))

	out = run("rotate", "orders")
	require.Contains(t, out, "orders-bot.2.secret")
	both := secrets("orders")
	require.Len(t, both, 2)
	require.Equal(t, first[0], both[0])
	_, err = runBot(t, dir, nobody, "rotate", "orders")
	require.ErrorContains(t, err, "--finish")
	out = run("rotate", "orders", "--finish")
	require.Contains(t, out, "to be deleted: "+filepath.Join(dir, "orders-bot.secret"))
	require.Equal(t, both[1:], secrets("orders"))

	list := run("list")
	require.Regexp(t, `(?m)^orders +https://user:xxxxx@bot\.example/events +orders-bot\.2\.secret +4$`, list)
	require.NotContains(t, list, "whsec_")
	require.Contains(t, run("remove", "orders"), "Removed orders")
	require.NotContains(t, run("list"), "orders")
}

func TestBotRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := initialize(dir, "127.0.0.1:7777")
	require.NoError(t, err)
	before, err := filepath.Glob(filepath.Join(dir, "*.secret"))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, botsFile))
	require.NoError(t, err)
	require.Contains(t, string(text), "http://127.0.0.1:7777/events", "--bot-listen is where the bot is")
	for want, args := range map[string]string{
		"--url is missing":            "add x",
		"has no --url":                "add x --pull --url https://b.example",
		"--allow-private":             "add x --url http://10.0.0.7/",
		"url: must be":                "add x --url ftp://bot.example",
		"timeout: \"soon\"":           "add x --url https://b.example --timeout soon",
		"only letters, digits":        "add a.b --url https://b.example",
		"already; botgate bot rotate": "add demo --url https://b.example",
		"--secret-file":               "add x --url https://b.example --secret-file nowhere",
		`there is no bot "x"`:         "rotate x",
		"is in no rotation":           "rotate demo --finish",
		"it names no bots":            "remove demo",
	} {
		_, err := runBot(t, dir, "127.0.0.1:1", strings.Fields(args)...)
		require.ErrorContains(t, err, want, args)
	}
	after, err := filepath.Glob(filepath.Join(dir, "*.secret"))
	require.NoError(t, err)
	require.Equal(t, before, after, "no secret is left of what was refused")
}

// TestUnknownSubcommand fails, which a script notices.
func TestUnknownSubcommand(t *testing.T) {
	t.Parallel()
	for _, c := range commands() {
		parent := &cobra.Command{Use: c.Name + " " + c.Usage}
		c.CobraFunc(parent)
		if !parent.HasSubCommands() {
			continue
		}
		root := &cobra.Command{Use: "botgate", SilenceErrors: true}
		root.AddCommand(parent)
		root.SetOut(io.Discard)
		root.SetArgs([]string{c.Name, "rename", "demo"})
		require.ErrorContains(t, root.ExecuteContext(t.Context()), `unknown command "rename" for "botgate `+c.Name+`"`)
		root.SetArgs([]string{c.Name})
		require.NoError(t, root.ExecuteContext(t.Context()), "alone it says which there are")
	}
}

// TestBotTellsTheGateway has a gateway that knows one bot.
func TestBotTellsTheGateway(t *testing.T) {
	t.Parallel()
	answer := gatewayFiles{Files: []reload.Report{{What: bots.WhatQueues}}, Bots: []string{"known"}}
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/botgate/files" {
			_ = json.NewEncoder(w).Encode(answer)
		}
	}))
	t.Cleanup(gateway.Close)
	address := strings.TrimPrefix(gateway.URL, "http://")
	dir := t.TempDir()
	out, err := runBot(t, dir, address, "add", "known", "--url", "https://b.example")
	require.NoError(t, err)
	require.Contains(t, out, "accepts events for known now")
	_, err = runBot(t, dir, address, "add", "other", "--url", "https://b.example")
	require.ErrorContains(t, err, "goes by another bots file")
	out, err = runBot(t, dir, address, "rotate", "known")
	require.NoError(t, err)
	require.Contains(t, out, "The new secret is in")
	require.Contains(t, out, "has the change of known now")
	answer.Files[0].Error = "bots.json: it is broken"
	_, err = runBot(t, dir, address, "rotate", "known", "--finish")
	require.ErrorContains(t, err, "it is broken")
}

func TestReportReload(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	at := time.Now()
	reports := []reload.Report{
		{What: "bots file", Files: []string{"a", "b", "c", "d", "e"}, At: at, Changed: true, Changes: "added x"},
		{What: "names", Files: []string{"a"}, At: at, Changes: "added x"},
		{What: "schemas", At: at},
	}
	require.NoError(t, reportReload(&out, gatewayFiles{Files: reports}, false, nil))
	require.Contains(t, out.String(), "bots file: added x (a, b, c and 2 more)\n")
	require.Contains(t, out.String(), "names: unchanged since "+at.Format(time.DateTime)+"; the change then: added x (a)\n")
	require.Contains(t, out.String(), "configuration: unchanged\n")
	reports[2].Error = "command.v1.json: it does not compile"
	require.ErrorContains(t, reportReload(&out, gatewayFiles{Files: reports}, true, nil), "files were refused, see above: schemas")
	require.Contains(t, out.String(), "schemas: REFUSED, what was there before stays in use: command.v1.json")
	require.Contains(t, out.String(), "configuration: changed\n")
	require.ErrorIs(t, reportReload(&out, gatewayFiles{}, false, http.ErrServerClosed), http.ErrServerClosed)
}
