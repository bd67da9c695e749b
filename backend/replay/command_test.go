package replay_test

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/replay"
	"github.com/botgate/botgate/internal/queue"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]replay.Command{
		"--since 5m --to record": {Group: queue.Record, Range: queue.HistoryRange{Since: start.Add(-5 * time.Minute)}},
		"--since 7d --to dispatch --bot demo --type github.push --user alice --until 2d --rate 5 --dry-run --queue sqlite:x.db": {
			Group: queue.Dispatch, Range: queue.HistoryRange{Since: start.AddDate(0, 0, -7)}, Rate: 5, DryRun: true, QueueURL: "sqlite:x.db",
			Filter: replay.Filter{Bot: "demo", Type: "github.push", Subject: "alice", Until: start.AddDate(0, 0, -2)},
		},
		"--after 17 --to https://example.com/x --secret-file s": {URL: "https://example.com/x", SecretFile: "s", Range: queue.HistoryRange{After: "17"}},
		"--since 2026-02-01T00:00:00+01:00 --to record": {
			Group: queue.Record, Range: queue.HistoryRange{Since: time.Date(2026, 2, 1, 0, 0, 0, 0, time.FixedZone("", 3600))},
		},
	} {
		got, err := replay.Parse(strings.Fields(args), start)
		require.NoError(t, err, args)
		require.True(t, want.Range.Since.Equal(got.Range.Since), args)
		want.Range.Since, got.Range.Since = time.Time{}, time.Time{}
		require.Equal(t, want, *got, args)
	}
	_, err := replay.Parse([]string{"--help"}, start)
	require.ErrorIs(t, err, flag.ErrHelp)
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                                       "--to is missing",
		"--to record":                            "one of --since and --after",
		"--to record --since 5m --after 3":       "one of --since and --after",
		"--to record --since yesterday":          "-since: it must be a time like",
		"--to record --since -5m":                "-since: it must be a time like",
		"--to record --since +5m":                "-since: it must be a time like",
		"--to record --since 1e99d":              "-since: it must be a time like",
		"--to record --since 5m --until 10m":     "--until is before --since",
		"--to record --since 5m --bot a/b":       "--bot is no bot's name",
		"--to record --since 5m --rate -1":       "--rate must not be negative",
		"--to record --since 5m --rate x":        "-rate",
		"--to dead --since 5m":                   "-to: it must be record, dispatch, or an http or https address",
		"--to ftp://u:hunter2@h --since 5m":      "-to: it must be record",
		"--to http:// --since 5m":                "-to: it must be record",
		"--to http://h/ --since 5m":              "--secret-file is missing",
		"--to record --since 5m --secret-file s": "--secret-file is for an address only",
		"--to record --since 5m now":             `unexpected argument "now"`,
		"--nope":                                 "-nope",
	} {
		_, err := replay.Parse(strings.Fields(args), start)
		require.ErrorIs(t, err, replay.ErrUsage, args)
		require.ErrorContains(t, err, want, args)
	}
}
