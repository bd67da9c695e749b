package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/sqlite"
)

// waiting makes a queue in which the event e of the bot demo waits an hour for its retry.
func waiting(t *testing.T, opts queue.SubscribeOptions) (path string, c queue.Consumer) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "queue.db")
	q, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	c, err = q.Subscribe(t.Context(), queue.Dispatch, opts)
	require.NoError(t, err)
	require.NoError(t, q.Publish(t.Context(), &event.Event{
		ID: "e", Bot: "demo", Type: "command", Time: time.Now().UTC(), OrderKey: "k", VerifiedBy: "jwt", Data: []byte(`{}`),
	}))
	ds, err := c.Receive(t.Context(), 1)
	require.NoError(t, err)
	require.NoError(t, c.Retry(t.Context(), ds[0], time.Hour))
	return path, c
}

// TestRetry has another process ask for what waits here.
func TestRetry(t *testing.T) {
	t.Parallel()
	told := make(chan string, 1)
	path, c := waiting(t, queue.SubscribeOptions{OnRetryNow: func(bot string) { told <- bot }})

	for args, want := range map[string]struct {
		code int
		text string
	}{
		"":              {2, "--bot must be the name of a bot"},
		"--bot a.b":     {2, "--bot must be the name of a bot"},
		"--bot nobody":  {1, "unknown bot: nobody"},
		"--bot demo x":  {2, "x"},
		"--timeout -1s": {2, "--bot"},
	} {
		cmd, _, errs := command(t, append([]string{"retry"}, strings.Fields(args)...), "BOTGATE_QUEUE_URL=sqlite:"+path)
		require.Error(t, cmd.Run())
		require.Equal(t, want.code, cmd.ProcessState.ExitCode(), args)
		require.Contains(t, errs.String(), want.text)
	}
	cmd, out, errs := command(t, []string{"retry", "--bot", "demo"}, "BOTGATE_QUEUE_URL=sqlite:"+path)
	require.NoError(t, cmd.Run(), errs)
	require.Equal(t, "what waits for demo is tried now\n", out.String())
	ds, err := c.Receive(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 2, ds[0].Attempt)
	require.Equal(t, "demo", <-told)
}
