package integration

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// limitedCaddyfile is a gateway that only limits.
const limitedCaddyfile = `{
	admin {$BOTGATE_ADMIN}
	botgate {
		redis {$BOTGATE_REDIS_URL}
	}
}
:{$BOTGATE_HTTP_PORT} {
	bot_rate_limit {
		zone all {
			key  everybody
			rate 1000/s
		}
		budget         {$BUDGET}
		on_store_error local 50%
	}
	respond 202
}
`

// startLimited starts a gateway that only limits and returns its address.
func startLimited(t *testing.T, redisURL, budget string) (base string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "Caddyfile")
	require.NoError(t, os.WriteFile(path, []byte(limitedCaddyfile), 0o600))
	ports := freePorts(t, 2)
	_, port, err := net.SplitHostPort(ports[0])
	require.NoError(t, err)
	env := []string{"BOTGATE_HTTP_PORT=" + port, "BOTGATE_ADMIN=" + ports[1], "BOTGATE_REDIS_URL=" + redisURL, "BUDGET=" + budget}
	gateway := start(t, dir, env, gatewayBinary, "run", "--config", path)
	eventually(t, func() error {
		if !gateway.running() {
			t.Fatalf("the gateway ended:\n%s", gateway.output.String())
		}
		_, err := send(http.MethodGet, "http://"+ports[1]+"/config/", nil, nil)
		return err
	})
	return "http://" + ports[0]
}

// TestLimitIsExactOverTwoGateways sends from 64 connections to two gateways for ten
// seconds, far more than is allowed, and counts what passes: with one Redis, and with each
// gateway keeping half of the limit on its own.
func TestLimitIsExactOverTwoGateways(t *testing.T) {
	for name, store := range map[string]struct{ url, budget string }{
		// This is about counting, not about a slow machine.
		"Redis": {testsvc.StartRedis(t).URL, "5s"},
		"Local": {"redis://127.0.0.1:1", "20ms"},
	} {
		t.Run(name, func(t *testing.T) {
			gateways := []string{startLimited(t, store.url, store.budget), startLimited(t, store.url, store.budget)}
			const rate, burst, lasts = 1000, 1000, 10 * time.Second
			began := time.Now()
			accepted, refused := flood(t, gateways, began.Add(lasts))
			allowed := func(d time.Duration) float64 { return rate*d.Seconds() + burst }
			t.Logf("%d accepted, %d refused, %.0f allowed", accepted, refused, allowed(lasts))
			// The last requests begin before the end and may be answered after it.
			require.LessOrEqual(t, float64(accepted), 1.01*allowed(time.Since(began)))
			require.GreaterOrEqual(t, float64(accepted), 0.99*allowed(lasts))
		})
	}
}

// flood sends until the end from 64 connections and counts the answers.
func flood(t *testing.T, gateways []string, end time.Time) (accepted, refused int64) {
	t.Helper()
	var counts [2]atomic.Int64
	var senders sync.WaitGroup
	for i := range 64 {
		senders.Go(func() {
			for time.Now().Before(end) {
				a, err := send(http.MethodPost, gateways[i%len(gateways)]+"/", nil, nil)
				switch {
				case err != nil:
					t.Error(err)
					return
				case a.status == http.StatusAccepted:
					counts[0].Add(1)
				case a.status == http.StatusTooManyRequests:
					counts[1].Add(1)
				default:
					t.Errorf("answered %d: %s", a.status, a.body)
					return
				}
			}
		})
	}
	senders.Wait()
	return counts[0].Load(), counts[1].Load()
}

// TestPlatformUserIsSlowedDown floods with the webhooks of one user: GitHub gets its
// success for each of them, and the bot gets them in order, no faster than the rate, while
// another user's come at once.
func TestPlatformUserIsSlowedDown(t *testing.T) {
	forEachEngine(t, func(t *testing.T, s *stack) {
		s.reloads++
		path := s.caddyfileWith(t, "rate   50/s\n\t\t\t\t\tburst  500", "rate   4/s\n\t\t\t\t\tburst  2")
		_, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "reload", "--config", path, "--address", s.admin)
		require.Zero(t, code, stderr)
		const flooded = 8
		sent := time.Now()
		for i := range flooded {
			a, err := s.github("issues", fmt.Sprintf("flood-%d", i), issueOf(1, i))
			require.NoError(t, err)
			require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
		}
		a, err := s.github("issues", "calm", issueOf(2, 0))
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
		eventually(t, func() error {
			if n := s.bot.distinct(); n < flooded+1 {
				return fmt.Errorf("the bot got %d of %d", n, flooded+1)
			}
			return nil
		})
		require.GreaterOrEqual(t, time.Since(sent), (flooded-2)*250*time.Millisecond, "no faster than the rate")
		order := s.bot.all()
		require.Less(t, indexOf(order, issueOf(2, 0)), indexOf(order, issueOf(1, flooded-1)), "others do not wait")
		for i := range flooded - 1 {
			require.Less(t, indexOf(order, issueOf(1, i)), indexOf(order, issueOf(1, i+1)), "in their order")
		}
		requireOffender(t, s)
	})
}

func issueOf(user, n int) []byte {
	return fmt.Appendf(nil, `{"action":"opened","number":%d,"sender":{"id":%d,"login":"u%d"},"repository":{"id":%d,"full_name":"o/r"}}`, n, user, user, user)
}

func indexOf(received []delivered, body []byte) int {
	return slices.IndexFunc(received, func(d delivered) bool { return bytes.Equal(d.body, body) })
}

// requireOffender finds the user on the admin endpoint, and lets him go.
func requireOffender(t *testing.T, s *stack) {
	t.Helper()
	a, err := send(http.MethodGet, "http://"+s.admin+"/botgate/limits/offenders", nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, string(a.body), `"zone":"github-user","key":"1"`)
	a, err = send(http.MethodPost, "http://"+s.admin+"/botgate/limits/reset", nil, []byte(`{"zone": "github-user", "key": "1"}`))
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, a.status, "%s", a.body)
	a, err = send(http.MethodGet, "http://"+s.admin+"/botgate/limits/offenders", nil, nil)
	require.NoError(t, err)
	require.NotContains(t, string(a.body), "github-user")
}
