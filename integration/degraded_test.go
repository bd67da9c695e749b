package integration

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// degradedGauge finds the gauges that say that something is done without Redis, and those that are up.
var degradedGauge = regexp.MustCompile(`(?m)^(botgate_\w*_degraded)(?:\{[^}]*\})? (\d+)$`)

// degraded returns the gauges that are not 0, of the gateway and of the backend in it.
func (s *stack) degraded() map[string]bool {
	s.t.Helper()
	up := map[string]bool{}
	for _, url := range []string{"http://" + s.admin + "/metrics", s.api + "/metrics"} {
		a, err := send(http.MethodGet, url, nil, nil)
		require.NoError(s.t, err)
		for _, m := range degradedGauge.FindAllStringSubmatch(string(a.body), -1) {
			if m[2] != "0" {
				up[m[1]] = true
			}
		}
	}
	return up
}

// TestDegradedGaugesFallOnAnIdleProcess has Redis killed and started again, and nobody asks for anything then.
func TestDegradedGaugesFallOnAnIdleProcess(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.redis = testsvc.StartRedis(t)
	s.env = append(s.env, "BOTGATE_REDIS_URL="+s.redis.URL)
	s.startEmbedded()
	id := s.accept("alice", hello)
	s.redis.Kill()
	eventually(t, func() error {
		_, _ = s.eventStatus(s.token("alice"), id)
		_, err := s.command(s.token("alice"), "during", hello)
		require.NoError(t, err)
		up := s.degraded()
		for _, name := range []string{"botgate_rate_limit_degraded", "botgate_idempotency_degraded", "botgate_cache_degraded"} {
			if !up[name] {
				return fmt.Errorf("%s is not up", name)
			}
		}
		return nil
	})
	s.redis.Restart()
	eventually(t, func() error {
		if up := s.degraded(); len(up) > 0 {
			return fmt.Errorf("up: %v", up)
		}
		return nil
	})
}
