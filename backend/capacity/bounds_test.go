package capacity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/capacity"
	"github.com/botgate/botgate/backend/dispatch"
	"github.com/botgate/botgate/internal/queue/claimcheck"
	"github.com/botgate/botgate/internal/queue/spool"
)

func TestBoundsAreThoseOfThePackages(t *testing.T) {
	t.Parallel()
	require.Equal(t, dispatch.DefaultConcurrency, capacity.Concurrency)
	require.Equal(t, dispatch.DefaultConcurrency/dispatch.BotShare, capacity.BotConcurrency)
	require.Equal(t, claimcheck.DefaultThreshold, capacity.Inline)
	require.Equal(t, api.DefaultMaxWaits, capacity.Held)
	require.EqualValues(t, spool.DefaultMaxBytes, int64(capacity.SpoolSize))
}
