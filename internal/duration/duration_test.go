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
