package modules_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"
)

// A load balancer that keeps connections open longer than the gateway sends requests on ended ones.
func TestIdleTimeoutIsAnOption(t *testing.T) {
	for _, c := range []struct {
		option string
		want   time.Duration
	}{{"", 2 * time.Minute}, {"620s", 620 * time.Second}} {
		if c.option != "" {
			t.Setenv("BOTGATE_IDLE_TIMEOUT", c.option)
		}
		var config struct {
			Apps struct {
				HTTP struct {
					Servers map[string]struct {
						IdleTimeout caddy.Duration `json:"idle_timeout"`
					} `json:"servers"`
				} `json:"http"`
			} `json:"apps"`
		}
		require.NoError(t, json.Unmarshal([]byte(adapted(t)), &config))
		require.NotEmpty(t, config.Apps.HTTP.Servers)
		for name, server := range config.Apps.HTTP.Servers {
			require.Equal(t, c.want, time.Duration(server.IdleTimeout), name)
		}
	}
}
