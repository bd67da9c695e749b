package unverified_test

import (
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/unverified"
)

// TestHandlersShareOneBudget, over reloads too, and the last configuration says how much it is.
func TestHandlersShareOneBudget(t *testing.T) {
	t.Parallel()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	first, err := unverified.Acquire(ctx)
	require.NoError(t, err)
	first.SetLimit(30)
	second, err := unverified.Acquire(ctx)
	require.NoError(t, err)
	require.Same(t, first, second)
	_, err = grow(first, "a", 1_000_000)
	require.NoError(t, err, "without the app, the default")
	require.NoError(t, second.Release())
	require.NoError(t, first.Release())
	var none *unverified.Budget
	require.NoError(t, none.Release())
}
