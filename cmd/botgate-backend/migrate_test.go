package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
)

// TestMigrateAndRebuild goes from no database to one whose read models were made anew.
func TestMigrateAndRebuild(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "events.db")
	// As a gateway has it that leaves the roles to others, or a container whose role needs no secret of the API.
	env := []string{"BOTGATE_DATABASE_URL=" + url, "BOTGATE_ROLES=none", "BOTGATE_LISTEN=0.0.0.0:8081"}
	cmd, stdout, stderr := command(t, []string{"migrate", "plan"}, env...)
	require.NoError(t, cmd.Run(), stderr.String())
	require.Contains(t, stdout.String(),
		"main: events 0001_events.sql: programs from schema version 1 on may run on it; no existing table is locked\n")
	require.Contains(t, stdout.String(), "main: jobs 0001_jobs.sql")
	require.NoFileExists(t, url[len("sqlite:"):])
	for _, args := range [][]string{{"migrate"}, {"migrate", "plan"}} {
		cmd, stdout, stderr = command(t, args, env...)
		require.NoError(t, cmd.Run(), stderr.String())
		require.Equal(t, "main: the schema is current\n", stdout.String())
	}
	cmd, stdout, stderr = command(t, []string{"rebuild"}, env...)
	require.NoError(t, cmd.Run(), stderr.String())
	require.Equal(t, "the log is empty\n", stdout.String())

	settings := config.Default()
	settings.DatabaseURL = url
	s, err := app.OpenStore(t.Context(), settings, nil, nil)
	require.NoError(t, err)
	e := &event.Event{
		ID: "a", Bot: "demo", Type: "command", Subject: "alice", OrderKey: "alice",
		Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Data: []byte(`{}`),
	}
	_, err = storetest.Record(t.Context(), s, []*event.Event{e})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for _, args := range [][]string{{"rebuild"}, {"rebuild", "2026-03-01"}} {
		cmd, stdout, stderr = command(t, args, env...)
		require.NoError(t, cmd.Run(), stderr.String())
		require.Equal(t, "2026-03-01: 1 entries (day 1 of 1)\n", stdout.String())
	}
}

func TestDatabaseCommandsRefuse(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "shards.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"shards":{}}`), 0o600))
	for name, c := range map[string]struct {
		args []string
		env  string
		says string
	}{
		"a day":       {[]string{"rebuild", "yesterday"}, "", "is not a day like 2026-03-01"},
		"a flag":      {[]string{"migrate", "--force"}, "", "unknown flag: --force; see botgate-backend migrate --help"},
		"an address":  {[]string{"migrate"}, "BOTGATE_DATABASE_URL=mysql://h", "BOTGATE_DATABASE_URL"},
		"a file":      {[]string{"migrate"}, "BOTGATE_SHARDS_FILE=" + file, "BOTGATE_SHARDS_FILE"},
		"at a start":  {[]string{"--roles", "api"}, "BOTGATE_SHARDS_FILE=" + file, "BOTGATE_SHARDS_FILE"},
		"a retention": {[]string{"--roles", "api"}, "BOTGATE_RETENTION=1h", "BOTGATE_RETENTION"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, _, stderr := command(t, c.args, c.env)
			require.Error(t, cmd.Run())
			require.Contains(t, stderr.String(), c.says)
		})
	}
}
