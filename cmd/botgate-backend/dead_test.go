package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/sqlite"
)

// deadLetters makes a queue file with dead letters of some ids.
func deadLetters(t *testing.T, ids ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "queue.db")
	q, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	defer func() { require.NoError(t, q.Close()) }()
	c, err := q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{})
	require.NoError(t, err)
	for _, id := range ids {
		require.NoError(t, q.Publish(t.Context(), &event.Event{
			ID: id, Bot: "demo", Type: "command", Subject: "alice\x1b[2J", Time: time.Now().UTC(), OrderKey: id,
			VerifiedBy: "jwt", ContentType: "application/json", Data: []byte(`{"id": "` + id + `"}`),
		}))
		ds, err := c.Receive(t.Context(), 1)
		require.NoError(t, err)
		ds[0].Note(queue.Outcome{Attempt: 1, At: time.Now().UTC(), StatusCode: 410, Error: "refused " + id})
		require.NoError(t, c.DeadLetter(t.Context(), ds[0], "refused for good: "+id))
	}
	return path
}

// deadCommand runs "botgate-backend dead" on a queue file.
func deadCommand(t *testing.T, path, args string) (stdout, stderr string, code int) {
	t.Helper()
	cmd, out, errs := command(t, append([]string{"dead"}, strings.Fields(args)...), "BOTGATE_QUEUE_URL=sqlite:"+path)
	if err := cmd.Run(); cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestDead(t *testing.T) {
	t.Parallel()
	path := deadLetters(t, "e-1", "e-2", "e-3", "e-4")
	stdout, stderr, code := deadCommand(t, path, "list")
	require.Zero(t, code, stderr)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Len(t, lines, 5)
	require.Regexp(t, `^e-2 +demo +command +alice\?\[2J +\S+Z +1 +refused for good: e-2$`, lines[2])

	stdout, _, _ = deadCommand(t, path, "list --json --reason E-3")
	var listed struct {
		ID, Reason string
		History    []queue.Outcome
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &listed))
	require.Equal(t, "e-3", listed.ID)
	require.Equal(t, "refused e-3", listed.History[0].Error)

	stdout, stderr, code = deadCommand(t, path, "show e-1")
	require.Zero(t, code, stderr)
	var shown struct{ Data struct{ ID string } }
	require.NoError(t, json.Unmarshal([]byte(stdout), &shown))
	require.Equal(t, "e-1", shown.Data.ID)

	stdout, _, code = deadCommand(t, path, "drop e-1")
	require.Zero(t, code)
	require.Equal(t, "dropped 1\n", stdout)
	stdout, stderr, code = deadCommand(t, path, "replay e-1 e-2")
	require.Equal(t, exitError, code)
	require.Equal(t, "replayed 1\n", stdout)
	require.Equal(t, "botgate-backend: e-1: no such dead letter\n", stderr)
	stdout, _, _ = deadCommand(t, path, "replay --all --limit 1")
	require.Equal(t, "replayed 1\n", stdout)
	stdout, _, _ = deadCommand(t, path, "drop --bot other")
	require.Equal(t, "dropped 0\n", stdout)
	stdout, _, _ = deadCommand(t, path, "list --limit 10 --json")
	require.Equal(t, 1, strings.Count(stdout, "\n"))
	require.Contains(t, stdout, `"id":"e-4"`)
	_, stderr, code = deadCommand(t, path, "show e-1")
	require.Equal(t, exitError, code)
	require.Contains(t, stderr, "no such dead letter")
}

func TestDeadWrongUse(t *testing.T) {
	t.Parallel()
	absent := filepath.Join(t.TempDir(), "absent.db")
	for args, want := range map[string]struct {
		code int
		text string
	}{
		"":                       {exitUsage, "list, show, replay, drop; see botgate-backend dead --help"},
		"drop":                   {exitUsage, "either ids, or filters, or --all"},
		"list --queue kafka://h": {exitUsage, "BOTGATE_QUEUE_URL"},
		"list":                   {exitError, "BOTGATE_QUEUE_URL: there is no queue file"},
		"list --timeout 1s --queue amqp://u:hunter2@127.0.0.1:1": {exitError, "BOTGATE_QUEUE_URL: "},
	} {
		stdout, stderr, code := deadCommand(t, absent, args)
		require.Equal(t, want.code, code, args)
		require.Contains(t, stderr, want.text, args)
		require.NotContains(t, stderr, "hunter2")
		require.Empty(t, stdout)
	}
	require.NoFileExists(t, absent)
	stdout, _, code := deadCommand(t, absent, "--help")
	require.Zero(t, code)
	require.Contains(t, stdout, "replay      Gives events back")
}

func TestDeadArguments(t *testing.T) {
	t.Parallel()
	absent := filepath.Join(t.TempDir(), "absent.db")
	for _, args := range []string{
		"list", "list --json --limit 5 --bot demo", "show id", "show id --queue sqlite:x", "show --queue sqlite:x id",
		"replay a b", "replay --since 1h", "replay --all --limit 3", "drop --reason 410", "drop --all --timeout 5m",
	} {
		_, stderr, code := execute(t, append([]string{"dead"}, strings.Fields(args)...), "BOTGATE_QUEUE_URL=sqlite:"+absent)
		require.Equal(t, exitError, code, args)
		require.Contains(t, stderr, "there is no queue file", args)
	}
	for _, args := range []string{
		"", "--bot demo", "burn", "list id", "show", "show a b", "show a --bot demo",
		"replay", "drop", "replay a --all", "drop a --bot demo", "drop --bot demo --all", "replay --limit 3",
		"list --since never", "list --limit 0", "list --user", "list --timeout 0s", "list --colour red",
	} {
		_, stderr, code := execute(t, append([]string{"dead"}, strings.Fields(args)...), "BOTGATE_QUEUE_URL=sqlite:"+absent)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, stderr, "; see botgate-backend dead", args)
	}
}
