package queue_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

func TestParseRetention(t *testing.T) {
	t.Parallel()
	require.Equal(t, queue.Retention{MaxAge: 7 * 24 * time.Hour, MaxBytes: 1 << 30}, queue.DefaultRetention)
	for text, want := range map[string]queue.Retention{
		"off":             {},
		" off ":           {},
		"7d 1GiB":         queue.DefaultRetention,
		"90m  2MB":        {MaxAge: 90 * time.Minute, MaxBytes: 2e6},
		"0.5d 1TiB":       {MaxAge: 12 * time.Hour, MaxBytes: 1 << 40},
		"7d 1.5GB":        {MaxAge: 7 * 24 * time.Hour, MaxBytes: 1.5e9},
		"1h30m 123456789": {MaxAge: 90 * time.Minute, MaxBytes: 123456789},
	} {
		got, err := queue.ParseRetention(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		require.Equal(t, want == queue.Retention{}, got.Off())
	}
	for _, text := range []string{
		"", "on", "7d", "1GiB 7d", "7d 1GiB x", "7 1GiB", "7d -1GiB", "1s 1GiB", "-7d 1GiB", "7d 1KB",
		"NaNd 1GiB", "Infd 1GiB", "4000d 1GiB", "7d 99999999999TiB", "100000h 1GiB",
	} {
		_, err := queue.ParseRetention(text)
		require.Error(t, err, text)
	}
}

func FuzzParseRetention(f *testing.F) {
	f.Add("7d 1GiB")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := queue.ParseRetention(text)
		if err != nil || r.Off() {
			return
		}
		require.GreaterOrEqual(t, r.MaxAge, time.Minute)
		require.GreaterOrEqual(t, r.MaxBytes, int64(1<<20))
	})
}
