package cli

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/spool"
)

// refusing takes nothing from anybody, and refuses for good what was spooled.
type refusing struct{ queue.Queue }

func (refusing) Publish(context.Context, ...*event.Event) error { return queue.ErrUnavailable }

func (refusing) PublishTo(context.Context, queue.Group, *event.Event) error { return queue.ErrTooLarge }

// TestSpool lists and drops what is kept aside while a spool has the file, which then has its room back.
func TestSpool(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	t.Setenv(envSpool, path)
	s, err := spool.Open(t.Context(), spool.Config{Path: path})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	q := s.Queue(refusing{}, spool.Options{})
	ids := []string{}
	for _, bot := range []string{"one", "one", "two"} {
		id, err := event.NewID("")
		require.NoError(t, err)
		ids = append(ids, id)
		require.NoError(t, q.Publish(t.Context(), &event.Event{
			ID: id, Bot: bot, Type: "command", Time: time.Now(), OrderKey: "k", VerifiedBy: "jwt", Data: []byte("{}"),
		}))
	}
	const patience, tick = time.Minute, 5 * time.Millisecond
	require.Eventually(t, func() bool { return s.Stats().Events == 0 && s.Stats().Bytes > 0 }, patience, tick)

	list := runSpool(t, "", "list")
	for _, id := range ids {
		require.Contains(t, list, id)
	}
	require.Contains(t, list, "too large")
	require.NotContains(t, runSpool(t, "", "list", "--bot", "one"), ids[2])
	runSpool(t, "give --id", "drop")
	runSpool(t, "give --id", "drop", "--all", "--bot", "one")
	require.Equal(t, "Dropped: 1\n", runSpool(t, "", "drop", "--id", ids[0]))
	require.NotContains(t, runSpool(t, "", "list"), ids[0])
	require.Equal(t, "Dropped: 2\n", runSpool(t, "", "drop", "--all"))
	require.Empty(t, runSpool(t, "", "list"))
	require.Eventually(t, func() bool { return s.Stats().Bytes == 0 }, patience, tick, "the room is free again")
	runSpool(t, "there is no spool", "list", "--file", filepath.Join(t.TempDir(), "absent.db"))
}

func runSpool(t *testing.T, problem string, args ...string) string {
	t.Helper()
	c, out := spoolCommand(), new(bytes.Buffer)
	cmd := &cobra.Command{Use: c.Name, SilenceErrors: true}
	c.CobraFunc(cmd)
	cmd.SetOut(out)
	cmd.SetArgs(args)
	err := cmd.Execute()
	if problem != "" {
		require.ErrorContains(t, err, problem)
		return ""
	}
	require.NoError(t, err)
	return out.String()
}
