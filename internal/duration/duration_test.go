package duration_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/duration"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"7d": 7 * 24 * time.Hour, "1.5d": 36 * time.Hour, "-1d": -24 * time.Hour, "1h30m": 90 * time.Minute, "106750d": 106750 * 24 * time.Hour,
	} {
		got, err := duration.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "d", "7", "NaNd", "Infd", "-Infd", "106751d", "1e99d", "7d12h"} {
		_, err := duration.Parse(text)
		require.Error(t, err, text)
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-03-01T00:00:00+01:00": time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC),
		"2026-03-01T00:00:00.5Z":    time.Date(2026, 3, 1, 0, 0, 0, 5e8, time.UTC),
		"90m":                       now.Add(-90 * time.Minute),
		"7d":                        now.AddDate(0, 0, -7),
	} {
		at, err := duration.ParseTime(text, now)
		require.NoError(t, err, text)
		require.True(t, want.Equal(at), text)
	}
	for _, text := range []string{"", "yesterday", "-5m", "+5m", "0s", "1e99d", "2026-03-01"} {
		_, err := duration.ParseTime(text, now)
		require.Error(t, err, text)
	}
}
