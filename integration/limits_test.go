package integration

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
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
			key   everybody
			rate  100/s
			burst 500
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
	ports := testsvc.FreeAddresses(t, 2)
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

// TestLimitIsExactOverTwoGateways sends from 64 connections to two gateways, more than is
// allowed, and counts what passes: with one Redis, and with each gateway keeping half of the
// limit on its own.
func TestLimitIsExactOverTwoGateways(t *testing.T) {
	for name, store := range map[string]struct{ url, budget string }{
		// This is about counting, not about a slow machine.
		"Redis": {testsvc.StartRedis(t).URL, "5s"},
		"Local": {"redis://127.0.0.1:1", "20ms"},
	} {
		t.Run(name, func(t *testing.T) {
			gateways := []string{startLimited(t, store.url, store.budget), startLimited(t, store.url, store.budget)}
			const rate, burst = 100, 500
			allowed := func(d time.Duration) float64 { return rate*d.Seconds() + burst }
			f := flood{gateways: gateways}
			f.run(t)
			t.Logf("%d accepted, %d refused", f.accepted, f.refused)
			require.LessOrEqual(t, float64(f.accepted), 1.01*allowed(f.ended.Sub(f.began)))
			// Whoever was refused found nothing left of what was allowed until then.
			require.GreaterOrEqual(t, float64(f.accepted), 0.99*allowed(f.exhausted.Sub(f.answered)))
		})
	}
}

// flood sends to gateways from 64 connections and counts the answers.
type flood struct {
	gateways []string

	mu                sync.Mutex
	accepted, refused int
	began, ended      time.Time // From before the first request to after the last answer.
	answered          time.Time // When each gateway has answered.
	exhausted         time.Time // When each gateway was sent a request that it refused.
	first, last       map[string]time.Time
}

// run sends for five seconds, and until enough was refused.
func (f *flood) run(t *testing.T) {
	t.Helper()
	const lasts, enough = 5 * time.Second, 500
	f.first, f.last = map[string]time.Time{}, map[string]time.Time{}
	f.began = time.Now()
	var senders sync.WaitGroup
	for i := range 64 {
		gateway := f.gateways[i%len(f.gateways)]
		senders.Go(func() {
			for time.Since(f.began) < lasts || f.refusals() < enough {
				sent := time.Now()
				a, err := send(http.MethodPost, gateway+"/", nil, nil)
				if err == nil && a.status != http.StatusAccepted && a.status != http.StatusTooManyRequests {
					err = fmt.Errorf("answered %d: %s", a.status, a.body)
				}
				if err == nil && time.Since(f.began) > time.Minute {
					err = errors.New("too little is refused")
				}
				if err != nil {
					t.Error(err)
					return
				}
				f.count(gateway, sent, a.status == http.StatusAccepted)
			}
		})
	}
	senders.Wait()
	f.ended = time.Now()
	f.answered = slices.MaxFunc(slices.Collect(maps.Values(f.first)), time.Time.Compare)
	f.exhausted = slices.MinFunc(slices.Collect(maps.Values(f.last)), time.Time.Compare)
	require.Len(t, f.last, len(f.gateways), "each gateway refused")
}

func (f *flood) refusals() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused
}

// count counts the answer of a gateway.
func (f *flood) count(gateway string, sent time.Time, accepted bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first[gateway].IsZero() {
		f.first[gateway] = time.Now()
	}
	if accepted {
		f.accepted++
		return
	}
	f.refused++
	if sent.After(f.last[gateway]) {
		f.last[gateway] = sent
	}
}

// TestPlatformUserIsSlowedDown floods with the webhooks of one user: GitHub gets its
// success for each of them, and the bot gets them in order, no faster than the rate, while
// another user's come at once.
func TestPlatformUserIsSlowedDown(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, s *stack) {
		s.reloads++
		path := s.caddyfileWith(t, "rate 50/s\n\t\t\t\t\tburst 500", "rate 1/s\n\t\t\t\t\tburst 2",
			"\t\t\tbot_rate_limit {\n\t\t\t\tzone {args[0]}", "\t\t\tbot_rate_limit {\n\t\t\t\tbudget 20s\n\t\t\t\tzone {args[0]}")
		_, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "reload", "--config", path, "--address", s.admin)
		require.Zero(t, code, stderr)
		const flooded = 8
		sent := time.Now()
		send := func(id string, body []byte) {
			a, err := s.github("issues", id, body)
			require.NoError(t, err)
			require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
		}
		for i := range flooded {
			send(fmt.Sprintf("flood-%d", i), issueOf(1, i))
			if i == flooded/2 { // Not after all: on a slow machine the last one waits no longer than these take.
				send("calm", issueOf(2, 0))
			}
		}
		eventually(t, func() error {
			if n := s.bot.distinct(); n < flooded+1 {
				return fmt.Errorf("the bot got %d of %d", n, flooded+1)
			}
			return nil
		})
		require.GreaterOrEqual(t, time.Since(sent), (flooded-2)*time.Second, "no faster than the rate")
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
