package botcache

import (
	"testing"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/adapttest"
)

func TestAdapt(t *testing.T) { adapttest.Run(t) }

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]*Handler{
		"must not be negative":          {TTL: -1},
		"per_caller and shared":         {PerCaller: true, Shared: true},
		"option size":                   {Size: -1},
		"option max_body":               {Size: 10, MaxBody: 11},
		"option max_body: must be 1 to": {MaxBody: 1 << 40},
	} {
		require.ErrorContains(t, h.Provision(caddy.Context{}), want)
		require.NoError(t, h.Cleanup())
	}
}
