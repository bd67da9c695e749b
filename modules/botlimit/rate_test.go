package botlimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Rate{
		"10/s":     {10, time.Second},
		"600/m":    {600, time.Minute},
		"5000/h":   {5000, time.Hour},
		"100/30s":  {100, 30 * time.Second},
		"1/24h":    {1, 24 * time.Hour},
		"3/1h1m5s": {3, 3665 * time.Second},
	} {
		rate, err := parseRate(text)
		require.NoError(t, err, text)
		require.Equal(t, want, rate, text)
	}
	for _, text := range []string{
		"", "10", "/s", "10/", "x/s", "10/x", "10/d", "0/s", "-1/s", "1000001/s", "1/25h", "1/0s",
		"1/-5s", "1/500ms", "1/1500ms", "10 / s", "1/s/s", "99999999999999999999/s",
	} {
		_, err := parseRate(text)
		require.Error(t, err, text)
	}
}

func FuzzParseRate(f *testing.F) {
	for _, text := range []string{"10/s", "100/30s", "1/1h1m", "0/s", "x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rate, err := parseRate(text)
		if err != nil {
			return
		}
		again, err := parseRate(rate.String())
		require.NoError(t, err)
		require.Equal(t, rate, again)
	})
}
