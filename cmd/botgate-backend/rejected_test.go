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

// rejectedEvents makes a queue file with events of some ids that record rejected.
func rejectedEvents(t *testing.T, ids ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "queue.db")
	q, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	defer func() { require.NoError(t, q.Close()) }()
	c, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err)
	for _, id := range ids {
		require.NoError(t, q.Publish(t.Context(), &event.Event{
			ID: id, Bot: "demo", Type: "command", Subject: "alice", Time: time.Now().UTC(), OrderKey: id,
			VerifiedBy: "jwt", ContentType: "application/json", Data: []byte(`{"id": "` + id + `"}`),
		}))
		ds, err := c.Receive(t.Context(), 1)
		require.NoError(t, err)
		require.NoError(t, c.DeadLetter(t.Context(), ds[0], "the database refuses \x1b[2J"+id))
	}
	return path
}

// rejectedCommand runs "botgate-backend dead rejected" on a queue file.
func rejectedCommand(t *testing.T, path, args string) (stdout, stderr string, code int) {
	t.Helper()
	return execute(t, append([]string{"dead", "rejected"}, strings.Fields(args)...), "BOTGATE_QUEUE_URL=sqlite:"+path)
}

func TestRejected(t *testing.T) {
	t.Parallel()
	path := rejectedEvents(t, "e-1", "e-2", "e-3", "e-4")
	stdout, stderr, code := rejectedCommand(t, path, "list")
	require.Zero(t, code, stderr)
	require.Regexp(t, `(?m)^e-2 +demo +record +\S+Z +the database refuses \?\[2Je-2$`, stdout)
	stdout, stderr, code = rejectedCommand(t, path, "list --json --limit 1")
	require.Equal(t, exitError, code)
	require.Contains(t, stderr, "there are 3 more")
	var listed rejected
	require.NoError(t, json.Unmarshal([]byte(stdout), &listed))
	require.Equal(t, "e-1", listed.ID)
	require.JSONEq(t, `{"id":"e-1"}`, string(listed.Data))

	stdout, stderr, code = rejectedCommand(t, path, "drop e-1 e-9")
	require.Equal(t, exitError, code)
	require.Equal(t, "dropped 1\n", stdout)
	require.Equal(t, "botgate-backend: e-9: it is not among the first 4\n", stderr)
	stdout, stderr, code = rejectedCommand(t, path, "replay e-3")
	require.Zero(t, code, stderr)
	require.Equal(t, "replayed 1\n", stdout)
	stdout, _, code = rejectedCommand(t, path, "drop --all")
	require.Zero(t, code)
	require.Equal(t, "dropped 2\n", stdout)

	q, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	defer func() { require.NoError(t, q.Close()) }()
	c, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err)
	ds, err := c.Receive(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, ds, 1)
	require.Equal(t, "e-3", ds[0].Event.ID)
}

func TestRejectedWithoutAQueue(t *testing.T) {
	t.Parallel()
	absent := filepath.Join(t.TempDir(), "absent.db")
	for args, want := range map[string]string{
		"list": "BOTGATE_QUEUE_URL: there is no queue file",
		"list --timeout 1s --queue amqp://u:hunter2@127.0.0.1:1": "BOTGATE_QUEUE_URL: ",
	} {
		stdout, stderr, code := rejectedCommand(t, absent, args)
		require.Equal(t, exitError, code, args)
		require.Contains(t, stderr, want, args)
		require.NotContains(t, stderr, "hunter2")
		require.Empty(t, stdout)
	}
	require.NoFileExists(t, absent)
}
