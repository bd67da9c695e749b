package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

// TestGiveUp has another process give up what waits here.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	told := make(chan string, 1)
	path, c := waiting(t, queue.SubscribeOptions{OnGiveUp: func(bot, id string) { told <- bot + "/" + id }})

	for args, want := range map[string]struct {
		code int
		text string
	}{
		"":                                  {2, "--bot must be the name of a bot"},
		"--bot demo":                        {2, "--event must be the id of an event"},
		"--bot nobody --event e":            {1, "unknown bot: nobody"},
		"--bot demo --event e extra":        {2, "extra"},
		"--bot demo --event e --timeout 0s": {2, "timeout"},
	} {
		cmd, _, errs := command(t, append([]string{"give-up"}, strings.Fields(args)...), "BOTGATE_QUEUE_URL=sqlite:"+path)
		require.Error(t, cmd.Run())
		require.Equal(t, want.code, cmd.ProcessState.ExitCode(), args)
		require.Contains(t, errs.String(), want.text)
	}
	cmd, out, errs := command(t, []string{"give-up", "--bot", "demo", "--event", "e"}, "BOTGATE_QUEUE_URL=sqlite:"+path)
	require.NoError(t, cmd.Run(), errs)
	require.Equal(t, "event e of demo is given up where it waits\n", out.String())
	require.Equal(t, "demo/e", <-told)
	ds, err := c.Receive(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "e", ds[0].Event.ID)
}
