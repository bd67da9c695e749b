package integration

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/testsvc"
)

// quickstart runs the first-run command in a copy of what a clone has.
func quickstart(t *testing.T, args ...string) (*stack, *process) {
	t.Helper()
	s := &stack{t: t, dir: t.TempDir()}
	caddyfile, err := os.ReadFile("../Caddyfile")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "Caddyfile"), caddyfile, 0o600))
	require.NoError(t, os.CopyFS(filepath.Join(s.dir, "schemas"), os.DirFS("../schemas")))
	ports := testsvc.FreeAddresses(t, 4)
	_, httpPort, err := net.SplitHostPort(ports[0])
	require.NoError(t, err)
	s.base, s.admin = "http://localhost:"+httpPort, ports[2]
	s.env = []string{
		"BOTGATE_HTTP_PORT=" + httpPort, "BOTGATE_API_LISTEN=" + ports[1], "BOTGATE_API_UPSTREAM=" + ports[1], "BOTGATE_ADMIN=" + ports[2],
		"BOTGATE_ASK_UPSTREAM=" + ports[3],
	}
	if len(args) == 0 {
		data := filepath.Join(s.dir, "data")
		_, stderr, code := run(t, s.dir, nil, "", gatewayBinary, "init")
		require.Zero(t, code, stderr)
		writeBotsFile(t, data, "http://"+ports[3]+"/events", bots.KeepFailed)
		args = []string{"--bot-listen", ports[3]}
	}
	return s, start(t, s.dir, s.env, gatewayBinary, append([]string{"quickstart"}, args...)...)
}

// TestFirstRun runs the printed commands as they are printed.
func TestFirstRun(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("curl is not installed")
	}
	s, p := quickstart(t)
	eventually(t, func() error {
		if !strings.Contains(p.output.String(), "Ctrl-C stops it") {
			return fmt.Errorf("no commands yet: %s", p.output)
		}
		return nil
	})
	require.NotContains(t, p.output.String(), "not formatted", "the Caddyfile is as \"botgate fmt\" leaves it")
	commands := regexp.MustCompile(`(?m)^   (.+)$`).FindAllStringSubmatch(p.output.String(), -1)
	require.Len(t, commands, 3)
	for i, want := range []string{"202 Accepted", "202 Accepted", "200 OK"} {
		eventually(t, func() error {
			out, stderr, _ := run(t, s.dir, s.env, "", "sh", "-c", commands[i][1])
			if !strings.Contains(out, want) {
				return fmt.Errorf("%s\n%s%s", commands[i][1], out, stderr)
			}
			return nil
		})
	}
	eventually(t, func() error {
		if out := p.output.String(); !strings.Contains(out, "bot: command from demo-user") || !strings.Contains(out, "bot: github.push") {
			return fmt.Errorf("the bot printed: %s", tail(out, 500))
		}
		return nil
	})
	requireSidecar(t, s)
	for _, name := range []string{"jwt.secret", "github.secret", "demo-bot.secret", "bots.json", "queue.db", "events.db"} {
		info, err := os.Stat(filepath.Join(s.dir, "data", name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	require.Zero(t, p.stop(), "Ctrl-C is a clean end")
}

// requireSidecar asks the bot through the synchronous route.
func requireSidecar(t *testing.T, s *stack) {
	t.Helper()
	a, err := send(http.MethodPost, s.base+"/v1/bots/demo/ask", bearer(s.token("alice")), hello)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.JSONEq(t, `{"you_sent":{"command":"/hello"}}`, string(a.body))
	a, err = send(http.MethodPost, s.base+"/v1/bots/demo/ask", bearer(s.token("alice")), []byte(`{"x":1}`))
	require.NoError(t, err)
	requireProblem(t, a, http.StatusUnprocessableEntity, "schema-violation")
}

// TestFailedStartIsOneClearLine breaks the start in the ways that happen.
func TestFailedStartIsOneClearLine(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	broken := filepath.Join(t.TempDir(), "Caddyfile")
	require.NoError(t, os.WriteFile(broken, []byte(":8080 {\n\tbot_enqueue {\n\t\tqueue x\n\t}\n}\n"), 0o600))

	for name, c := range map[string]struct {
		args []string
		env  string
		want string
	}{
		"taken port":        {[]string{"--bot-listen", testsvc.FreeAddresses(t, 1)[0]}, "BOTGATE_HTTP_PORT=" + port, "BOTGATE_HTTP_PORT"},
		"taken bot port":    {[]string{"--bot-listen", "127.0.0.1:" + port}, "", "--bot-listen"},
		"unwritable data":   {[]string{"--data", filepath.Join(file, "data")}, "", "--data"},
		"bad Caddyfile":     {[]string{"--config", broken, "--bot-listen", testsvc.FreeAddresses(t, 1)[0]}, "", `unknown option "queue"`},
		"missing Caddyfile": {[]string{"--config", "nowhere", "--bot-listen", testsvc.FreeAddresses(t, 1)[0]}, "", "nowhere"},
		"bad queue":         {[]string{"--bot-listen", testsvc.FreeAddresses(t, 1)[0]}, "BOTGATE_QUEUE_URL=http://x", "option queue"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			caddyfile, err := os.ReadFile("../Caddyfile")
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "Caddyfile"), caddyfile, 0o600))
			ports := testsvc.FreeAddresses(t, 3)
			_, httpPort, err := net.SplitHostPort(ports[0])
			require.NoError(t, err)
			env := []string{"BOTGATE_HTTP_PORT=" + httpPort, "BOTGATE_API_LISTEN=" + ports[1], "BOTGATE_ADMIN=" + ports[2], "HOME=" + dir, c.env}
			_, stderr, code := run(t, dir, env, "", gatewayBinary, append([]string{"quickstart"}, c.args...)...)
			require.NotZero(t, code)
			require.Contains(t, stderr, c.want)
			require.Len(t, strings.Split(strings.TrimSpace(stderr), "\n"), 1, "one line: %s", stderr)
		})
	}
}

// TestMissingSecretNamesTheOption validates the shipped Caddyfile without secrets.
func TestMissingSecretNamesTheOption(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	caddyfile, err := filepath.Abs("../Caddyfile")
	require.NoError(t, err)
	_, stderr, code := run(t, dir, nil, "", gatewayBinary, "validate", "--config", caddyfile)
	require.NotZero(t, code)
	require.Contains(t, stderr, "botgate init")

	_, stderr, code = run(t, dir, nil, "", gatewayBinary, "init")
	require.Zero(t, code, stderr)
	_, stderr, code = run(t, dir, nil, "", gatewayBinary, "validate", "--config", caddyfile)
	require.Zero(t, code, stderr)
	entries, err := os.ReadDir(filepath.Join(dir, "data"))
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, e.Name(), ".db", "validating opens nothing")
	}
}

// TestModulesAreListed asks the binary what is in it.
func TestModulesAreListed(t *testing.T) {
	t.Parallel()
	out, _, code := run(t, t.TempDir(), nil, "", gatewayBinary, "list-modules")
	require.Zero(t, code)
	for _, id := range []string{
		"botgate", "botgate_embedded", "http.handlers.bot_jwt", "http.handlers.bot_signature", "http.handlers.bot_rate_limit",
		"http.handlers.bot_schema", "http.handlers.bot_enqueue", "http.handlers.bot_ready", "http.handlers.bot_token", "http.handlers.bot_cors",
		"http.handlers.bot_log_errors", "http.handlers.bot_request_id", "http.handlers.bot_api", "http.handlers.bot_open",
	} {
		require.Contains(t, out, id+"\n")
	}
}
