package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/sqlite"
)

// accepted makes a queue file with events e-0, e-1 and so on.
func accepted(t *testing.T, n int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "queue.db")
	q, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, History: queue.DefaultRetention})
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, q.Publish(t.Context(), &event.Event{
			ID: fmt.Sprint("e-", i), Bot: "demo", Type: "command", Time: time.Now().UTC(), OrderKey: "key", VerifiedBy: "jwt",
		}))
	}
	require.NoError(t, q.Close())
	return path
}

// receiver is an address that answers each event with what status says.
type receiver struct {
	mu  sync.Mutex
	ids []string
	url string
}

func newReceiver(t *testing.T, status func(id string) int) *receiver {
	t.Helper()
	r := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		id := req.Header.Get("ce-id")
		code := status(id)
		r.mu.Lock()
		if code == http.StatusOK {
			r.ids = append(r.ids, id)
		}
		r.mu.Unlock()
		w.WriteHeader(code)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids
}

func TestReplayToAnAddress(t *testing.T) {
	t.Parallel()
	path := accepted(t, 5)
	r := newReceiver(t, func(id string) int {
		if id == "e-1" {
			return http.StatusGone
		}
		return http.StatusOK
	})
	cmd, stdout, stderr := command(t, []string{"replay", "--since", "1h", "--to", r.url, "--secret-file", "data/demo.secret"},
		"BOTGATE_QUEUE_URL=sqlite:"+path)
	require.Error(t, cmd.Run())
	require.Equal(t, exitError, cmd.ProcessState.ExitCode())
	require.Equal(t, "read 5, matched 5, sent 4, failed 1\n", stdout.String())
	require.Contains(t, stderr.String(), "event e-1: refused for good: the bot answered 410")
	require.Contains(t, stderr.String(), "refused 1 events")
	require.Equal(t, []string{"e-0", "e-2", "e-3", "e-4"}, r.got())
}

// TestInterruptedReplay stops a replay at an event that the receiver does not take, and goes on.
func TestInterruptedReplay(t *testing.T) {
	t.Parallel()
	path := accepted(t, 5)
	stuck := make(chan struct{}, 100)
	var once sync.Once
	var up atomic.Bool
	r := newReceiver(t, func(id string) int {
		if id == "e-3" && !up.Load() {
			once.Do(func() { close(stuck) })
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	args := []string{"replay", "--to", r.url, "--secret-file", "data/demo.secret", "--queue", "sqlite:" + path}
	cmd, stdout, stderr := command(t, append(args, "--since", "1h"))
	require.NoError(t, cmd.Start())
	<-stuck
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	require.Equal(t, exitError, cmd.ProcessState.ExitCode())
	require.Contains(t, stdout.String(), "sent 3, failed 0")
	position := regexp.MustCompile(`go on with --after (\d+) `).FindStringSubmatch(stderr.String())
	require.Len(t, position, 2, stderr.String())

	up.Store(true)
	cmd, stdout, stderr = command(t, append(args, "--after", position[1]))
	require.NoError(t, cmd.Run(), stderr.String())
	require.Equal(t, "read 2, matched 2, sent 2, failed 0\n", stdout.String())
	require.Equal(t, []string{"e-0", "e-1", "e-2", "e-3", "e-4"}, r.got())
}

func TestReplayWrongUse(t *testing.T) {
	t.Parallel()
	path := accepted(t, 1)
	for args, tc := range map[string]struct {
		code      int
		env, want string
	}{
		"":                         {exitUsage, "", "--to is missing"},
		"--to record --since 1h":   {exitUsage, "BOTGATE_HISTORY=much", `BOTGATE_HISTORY: must be "off", or an age and a size`},
		"--to record --since 2h":   {exitError, "BOTGATE_HISTORY=off", "the queue keeps no history: see BOTGATE_HISTORY"},
		"--to record --after x":    {exitError, "", "--after: reading the history: not an offset"},
		"--to record --since 3h":   {exitUsage, "BOTGATE_QUEUE_URL=kafka://u:hunter2@h", "BOTGATE_QUEUE_URL"},
		"--to record --since 4h":   {exitError, "BOTGATE_QUEUE_URL=sqlite:absent.db", "there is no queue file"},
		"--to http://h --since 1h": {exitUsage, "", "--secret-file is missing"},
		"--to http://u:hunter2@h --since 1h --secret-file absent": {exitUsage, "", "--secret-file: reading a secret: open absent"},
		"--to http://h --since 1h --secret-file data/bots.json":   {exitUsage, "", "--to and --secret-file: secret 1"},
	} {
		cmd, stdout, stderr := command(t, append([]string{"replay"}, strings.Fields(args)...), "BOTGATE_QUEUE_URL=sqlite:"+path, tc.env)
		require.Error(t, cmd.Run(), args)
		require.Equal(t, tc.code, cmd.ProcessState.ExitCode(), "%s: %s", args, stderr)
		require.Contains(t, stderr.String(), tc.want, args)
		require.NotContains(t, stdout.String()+stderr.String(), "hunter2")
	}
	cmd, stdout, _ := command(t, []string{"replay", "--help"})
	require.NoError(t, cmd.Run())
	require.Contains(t, stdout.String(), "botgate-backend replay --since <time> --to <target>")
}

// TestReplayChooses counts what the flags choose.
func TestReplayChooses(t *testing.T) {
	t.Parallel()
	path := accepted(t, 5)
	for args, matched := range map[string]int{
		"--since 5m --to record": 5,
		"--since 7d --to dispatch --bot demo --type command --rate 5": 5,
		"--since 7d --to dispatch --bot other":                        0,
		"--since 7d --to dispatch --type github.push":                 0,
		"--since 7d --to dispatch --user alice":                       0,
		"--since 7d --to dispatch --until 2d":                         0,
		"--since 2026-02-01T00:00:00+01:00 --to record":               5,
		"--since 2096-02-01T00:00:00Z --to record":                    0,
	} {
		stdout, stderr, code := execute(t, append([]string{"replay", "--dry-run"}, strings.Fields(args)...), "BOTGATE_QUEUE_URL=sqlite:"+path)
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, fmt.Sprintf("matched %d, sent 0, failed 0\n", matched), args)
	}
}

func TestReplayArguments(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                                       "--to is missing",
		"--to record":                            "one of --since and --after",
		"--to record --since 5m --after 3":       "one of --since and --after",
		"--to record --since yesterday":          `"--since" flag: it must be a time like`,
		"--to record --since -5m":                `"--since" flag: it must be a time like`,
		"--to record --since +5m":                `"--since" flag: it must be a time like`,
		"--to record --since 1e99d":              `"--since" flag: it must be a time like`,
		"--to record --since 5m --until 10m":     "--until is before --since",
		"--to record --since 5m --bot a/b":       "--bot is no bot's name",
		"--to record --since 5m --rate -1":       "--rate must not be negative",
		"--to record --since 5m --rate x":        "--rate",
		"--to dead --since 5m":                   "--to: it must be record, dispatch, or an http or https address",
		"--to ftp://u:hunter2@h --since 5m":      "--to: it must be record",
		"--to http:// --since 5m":                "--to: it must be record",
		"--to http://h/ --since 5m":              "--secret-file is missing",
		"--to record --since 5m --secret-file s": "--secret-file is for an address only",
		"--to record --since 5m now":             `unexpected argument "now"`,
		"--nope":                                 "--nope",
	} {
		_, stderr, code := execute(t, append([]string{"replay"}, strings.Fields(args)...))
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, stderr, want, args)
		require.NotContains(t, stderr, "hunter2")
	}
}
