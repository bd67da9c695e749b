package modules_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testdocs"
)

// withMetrics has every module with metrics of its own.
const withMetrics = `{
	metrics
	botgate {
		data %[1]s
		bots demo
	}
}
http://localhost:9 {
	route {
		bot_token {
			issuer https://bots.example
			audience botgate
			clients_file %[1]s/clients.json
			folder %[1]s/keys
		}
	}
	route {
		bot_jwt {
			jwks https://issuer.example/keys
			issuer https://issuer.example
			audience botgate
		}
		bot_rate_limit {
			zone users {
				rate 10/s
			}
		}
		bot_schema command.v1.json
		bot_enqueue {
			bot demo
		}
	}
}
http://localhost:11 {
	metrics
}
http://localhost:12 {
	bot_cache
}
http://localhost:10 {
	bot_signature github {
		secret_file %[1]s/github.secret
	}
}`

// TestMetricsAreDocumented provisions every module with metrics, and starts none.
func TestMetricsAreDocumented(t *testing.T) {
	data := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(data, "github.secret"), []byte("2f7c9f1b6a3d4e8fa0b1c2d3e4f5a6b7"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(data, "clients.json"), []byte(`[]`), 0o600))
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, withMetrics, data), nil)
	require.NoError(t, err)
	var parsed *caddy.Config
	require.NoError(t, caddy.StrictUnmarshalJSON(config, &parsed))
	ctx, err := caddy.ProvisionContext(parsed)
	require.NoError(t, err)
	testdocs.Metrics(t, "../docs/reference/metrics.md", "gateway", ctx.GetMetricsRegistry())
}
