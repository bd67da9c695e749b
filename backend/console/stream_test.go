package console

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

// TestPagesHearAllStatuses: a browser tells a script only of those events of a stream that the script names.
func TestPagesHearAllStatuses(t *testing.T) {
	t.Parallel()
	script, err := embedded.ReadFile("static/stream.js")
	require.NoError(t, err)
	for _, status := range slices.Concat(asides, allStatuses) {
		require.Contains(t, string(script), `"`+status+`"`)
	}
	for _, status := range event.Asides() {
		require.Contains(t, asides, string(status))
	}
}
