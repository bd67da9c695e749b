package main

import (
	"bytes"
	"encoding/base64"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

// asCommand makes the test binary be the command itself, for tests from the outside.
const asCommand = "BOTGATE_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// command prepares a run in a folder with a bots file; env has "NAME=value" entries.
func command(t *testing.T, args []string, env ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	secret := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("s"), 32))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "demo.secret"), []byte(secret), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "bots.json"),
		[]byte(`{"bots":{"demo":{"url":"http://127.0.0.1:1/","allow_private":true,"secret_files":["demo.secret"]}}}`), 0o600))
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd = exec.CommandContext(t.Context(), self, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, stdout, stderr
	cmd.Env = append(env, asCommand+"=1")
	return cmd, stdout, stderr
}

// environment has "NAME=value" entries.
func environment(entries ...string) func(string) string {
	return func(name string) string {
		for _, entry := range entries {
			if value, is := strings.CutPrefix(entry, name+"="); is {
				return value
			}
		}
		return ""
	}
}

// execute runs a command in this process.
func execute(t *testing.T, args []string, env ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	root := newRoot(environment(env...))
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&errs)
	code = run(t.Context(), root)
	return out.String(), errs.String(), code
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	stdout, _, code := execute(t, []string{"completion", "bash"})
	require.Zero(t, code)
	require.Contains(t, stdout, "__start_botgate-backend")
}

func TestWrongUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	for _, tc := range []struct {
		name string
		args []string
		env  string
		code int
		want string
	}{
		{"unknown flag", []string{"--nope"}, "", exitUsage, "unknown flag: --nope; see botgate-backend --help"},
		{"argument", []string{"run"}, "", exitUsage, `unexpected argument "run"`},
		{"flag without value", []string{"--listen"}, "", exitUsage, "-listen"},
		{"unknown role", []string{"--roles", "cook"}, "", exitUsage, `BOTGATE_ROLES: unknown role "cook"`},
		{"the gateway's role", nil, "BOTGATE_ROLES=none", exitUsage, `BOTGATE_ROLES: "none" belongs to the gateway`},
		{"bad address", nil, "BOTGATE_LISTEN=here", exitUsage, "BOTGATE_LISTEN"},
		{"bad queue", nil, "BOTGATE_QUEUE_URL=kafka://u:hunter2@h", exitUsage, "BOTGATE_QUEUE_URL"},
		{"bad database", []string{"--database", "mysql://u:hunter2@h"}, "", exitUsage, "BOTGATE_DATABASE_URL"},
		{"bad log level", []string{"--log-level", "loud"}, "", exitUsage, "BOTGATE_LOG_LEVEL"},
		{"no bots file", []string{"--bots-file", "absent.json"}, "", exitError, "BOTGATE_BOTS_FILE"},
		{"taken port", []string{"--listen", taken.Addr().String()}, "", exitError, "address already in use; stop what listens there, or set BOTGATE_LISTEN"},
		{"unusable folder", []string{"--log-level", "error", "--listen", "127.0.0.1:0", "--queue", "sqlite:data/bots.json/queue.db"}, "", exitError, "BOTGATE_QUEUE_URL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cmd, stdout, stderr := command(t, tc.args, tc.env)
			err := cmd.Run()
			require.Error(t, err)
			require.Equal(t, tc.code, cmd.ProcessState.ExitCode(), stderr.String())
			require.Contains(t, stderr.String(), tc.want)
			require.NotContains(t, stderr.String(), "hunter2")
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
			require.Empty(t, stdout.String())
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	cmd, stdout, stderr := command(t, []string{"--help"})
	require.NoError(t, cmd.Run())
	require.Empty(t, stderr.String())
	for _, o := range config.Options {
		require.Contains(t, stdout.String(), "--"+o.Flag)
		require.Contains(t, stdout.String(), o.Env+"; default "+o.Default)
	}
	for _, arg := range []string{"--version", "version"} {
		cmd, stdout, _ = command(t, []string{arg}, "BOTGATE_ROLES=nonsense")
		require.NoError(t, cmd.Run())
		require.Regexp(t, `^botgate-backend \S+ \(commit \S+\), go1\.\S+\n$`, stdout.String())
	}
}

func TestFlagGoesBeforeEnvironment(t *testing.T) {
	t.Parallel()
	getenv := environment("BOTGATE_LISTEN=:2", "BOTGATE_API_SECRET_FILE=api.secret", "BOTGATE_BOTS_FILE=b.json", "BOTGATE_HISTORY=off")
	root := newRoot(getenv)
	require.NoError(t, root.ParseFlags([]string{"--listen=:1", "--roles", "api record", "--history", ""}))
	cfg, err := load(root, getenv)
	require.NoError(t, err)
	require.Equal(t, ":1", cfg.Listen)
	require.Equal(t, "b.json", cfg.BotsFile)
	require.Equal(t, "auto", cfg.History, "an empty flag is the default")
	require.Equal(t, []config.Role{config.API, config.Record}, cfg.Roles)
}

func TestSignalsStopCleanly(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			address := testsvc.FreeAddresses(t, 1)[0]
			cmd, _, stderr := command(t, []string{"--listen", address, "--log-format", "json"})
			require.NoError(t, cmd.Start())
			require.Eventually(t, func() bool {
				resp, err := http.Get("http://" + address + "/readyz")
				if err != nil {
					return false
				}
				defer resp.Body.Close()
				return resp.StatusCode == http.StatusOK
			}, time.Minute, 10*time.Millisecond)
			require.NoError(t, cmd.Process.Signal(signal))
			require.NoError(t, cmd.Wait(), stderr.String())
			require.Contains(t, stderr.String(), `"msg":"stopped"`)
		})
	}
}

// TestHangupReloads edits the bots file of a process that runs, rightly and wrongly.
func TestHangupReloads(t *testing.T) {
	t.Parallel()
	address := testsvc.FreeAddresses(t, 1)[0]
	shards := filepath.Join(t.TempDir(), "shards.json")
	const one = `"a":{"url":"sqlite:data/a.db"}`
	share := func(all string) {
		file := `{"shards":{` + all + `},"buckets":[{"from":0,"to":1023,"shard":"a"}]}`
		require.NoError(t, os.WriteFile(shards+".new", []byte(file), 0o600))
		require.NoError(t, os.Rename(shards+".new", shards))
	}
	share(one)
	cmd, _, _ := command(t, []string{"--listen", address, "--log-format", "json"}, "BOTGATE_SHARDS_FILE="+shards)
	var logs testlog.Buffer
	cmd.Stderr = &logs
	require.NoError(t, cmd.Start())
	said := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(logs.String(), text) }, time.Minute, 10*time.Millisecond, text)
	}
	said("backend started")
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	said("the files are as they were")
	path := filepath.Join(cmd.Dir, "data", "bots.json")
	write := func(content string) {
		require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
		require.NoError(t, os.Rename(path+".new", path))
		require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	}
	const demo = `"demo":{"url":"http://127.0.0.1:1/","allow_private":true,"secret_files":["demo.secret"]}`
	share(one + `,"b":{"url":"sqlite:data/b.db"}`)
	write(`{"bots":{` + demo + `,"other":{"url":"http://127.0.0.1:1/","allow_private":true,"secret_files":["demo.secret"]}}}`)
	said(`added other`)
	said("restart the backend processes to use it: added b")
	write(`{"bots":{` + demo + `,}}`)
	said("the files can't be used")
	said("bots.json")
	write(`{"bots":{` + demo + `}}`)
	said("removed other")
	said("bot was removed from the bots file")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), logs.String())
}
