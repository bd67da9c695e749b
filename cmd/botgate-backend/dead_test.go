package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
)

// deadLetters makes a database file with dead letters of some ids.
func deadLetters(t *testing.T, ids ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "events.db")
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for _, id := range ids {
		e := &event.Event{
			ID: id, Bot: "demo", Type: "command", Subject: "alice\x1b[2J", Time: time.Now().UTC(), OrderKey: id,
			VerifiedBy: "jwt", ContentType: "application/json", Data: []byte(`{"id": "` + id + `"}`),
		}
		died, err := event.NewChange(e, event.Change{Status: event.StatusDead, Attempt: 1, At: time.Now(), StatusCode: 410, Error: "refused for good: " + id})
		require.NoError(t, err)
		require.NoError(t, storetest.Append(t.Context(), s, []*event.Event{e, died}))
	}
	return path
}

// deadCommand runs "botgate-backend dead" on a database file.
func deadCommand(t *testing.T, path, args string) (stdout, stderr string, code int) {
	t.Helper()
	cmd, out, errs := command(t, append([]string{"dead"}, strings.Fields(args)...), "BOTGATE_DATABASE_URL=sqlite:"+path)
	if err := cmd.Run(); cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestDead(t *testing.T) {
	t.Parallel()
	path := deadLetters(t, "e-1", "e-2", "e-3")
	stdout, stderr, code := deadCommand(t, path, "list")
	require.Zero(t, code, stderr)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Len(t, lines, 4)
	require.Regexp(t, `^e-2 +demo +command +alice\?\[2J +\S+Z +1 +refused for good: e-2$`, lines[2])

	stdout, _, _ = deadCommand(t, path, "list --json --reason E-3")
	var listed struct {
		ID         string
		StatusCode int `json:"status_code"`
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &listed))
	require.Equal(t, "e-3", listed.ID)
	require.Equal(t, 410, listed.StatusCode)
	stdout, _, _ = deadCommand(t, path, "list --json --limit 2")
	require.Equal(t, 2, strings.Count(stdout, "\n"))

	stdout, _, code = deadCommand(t, path, "summary --bot demo")
	require.Zero(t, code)
	require.Regexp(t, `(?m)^3 +\S+Z +\S+Z +bot demo$`, stdout)
	require.Regexp(t, `(?m)^1 +\S+Z +\S+Z +reason refused for good: e-2$`, stdout)

	stdout, stderr, code = deadCommand(t, path, "show e-1")
	require.Zero(t, code, stderr)
	var shown struct{ Data struct{ ID string } }
	require.NoError(t, json.Unmarshal([]byte(stdout), &shown))
	require.Equal(t, "e-1", shown.Data.ID)
	for _, args := range []string{"show e-9", "replay e-9", "drop e-9"} {
		_, stderr, code = deadCommand(t, path, args)
		require.Equal(t, exitError, code)
		require.Contains(t, stderr, "e-9: no such dead letter, or its day is no longer kept")
	}
	_, stderr, code = deadCommand(t, path, "replay e-1")
	require.Equal(t, exitError, code)
	require.Contains(t, stderr, "the table of the jobs, which a backend makes at its start")
}

func TestDeadArguments(t *testing.T) {
	t.Parallel()
	path := deadLetters(t)
	for _, args := range []string{"list", "list --json --limit 5 --bot demo", "summary --since 1h"} {
		_, stderr, code := execute(t, append([]string{"dead"}, strings.Fields(args)...), "BOTGATE_DATABASE_URL=sqlite:"+path)
		require.Zero(t, code, "%s: %s", args, stderr)
	}
	for _, args := range []string{
		"", "--bot demo", "burn", "list id", "show", "show a b", "show a --bot demo", "summary a",
		"replay", "drop", "replay a --all", "drop a --bot demo", "drop --bot demo --all", "replay --all --limit 3", "replay --all --rate -1",
		"list --since never", "list --limit 0", "list --user", "list --colour red", "rejected", "rejected drop", "rejected replay a --all",
		"rejected list --limit 0", "rejected list --limit 1001", "rejected list --timeout 0s", "rejected list a", "rejected list --queue kafka://h",
	} {
		_, stderr, code := execute(t, append([]string{"dead"}, strings.Fields(args)...), "BOTGATE_DATABASE_URL=sqlite:"+path)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, stderr, "; see botgate-backend dead", args)
	}
}
