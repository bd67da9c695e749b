package integration

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

const spoolUsers = 8

// sendAll has each user send commands one after another; all must be accepted. The function
// that it returns waits for the end.
func (s *stack) sendAll(first, end int) (wait func()) {
	done := make(chan error, spoolUsers)
	for user := range spoolUsers {
		go func() { done <- sendInOrder(s, fmt.Sprintf("user-%d", user), first, end) }()
	}
	return func() {
		s.t.Helper()
		for range spoolUsers {
			require.NoError(s.t, <-done)
		}
	}
}

// metric reads one of the gateway's metrics, with its labels if it has any; 0 where it is missing.
func (s *stack) metric(name string) float64 {
	s.t.Helper()
	a, err := send(http.MethodGet, "http://"+s.admin+"/metrics", nil, nil)
	require.NoError(s.t, err)
	match := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(a.body)
	if match == nil {
		return 0
	}
	value, err := strconv.ParseFloat(string(match[1]), 64)
	require.NoError(s.t, err)
	return value
}

func (s *stack) awaitMetric(name string, reached func(float64) bool) {
	s.t.Helper()
	eventually(s.t, func() error {
		if value := s.metric(name); !reached(value) {
			return fmt.Errorf("%s is %v", name, value)
		}
		return nil
	})
}

// TestSpoolOutlastsTheBroker kills RabbitMQ under load, then the gateway, and brings both
// back: every request is accepted, and every event is stored once and delivered in order.
func TestSpoolOutlastsTheBroker(t *testing.T) {
	parallel(t)
	s := newStack(t)
	s.startServicesAlone()
	s.rabbit.AwaitQueues("botgate.record", "botgate.bot.demo")
	wait := s.sendAll(0, 15)
	s.awaitMetric("botgate_enqueue_accept_seconds_count", func(n float64) bool { return n >= 2*spoolUsers })
	s.rabbit.Kill()
	wait()
	require.Positive(t, s.metric("botgate_spool_events"))
	require.InDelta(t, 1, s.metric("botgate_spool_degraded"), 0)
	s.awaitMetric("botgate_queue_up", func(n float64) bool { return n == 0 })

	s.gateway.kill()
	s.startGateway()
	s.sendAll(15, 20)()
	require.GreaterOrEqual(t, s.metric("botgate_spool_events"), 5.0*spoolUsers)
	ready, err := send(http.MethodGet, s.base+"/readyz", nil, nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"status":"ready","checks":{"queue":"spooling"}}`, string(ready.body))

	wait = s.sendAll(20, 40)
	s.rabbit.Restart()
	wait()
	s.awaitMetric("botgate_spool_events", func(n float64) bool { return n == 0 })
	s.awaitMetric("botgate_queue_up", func(n float64) bool { return n == 1 })
	s.sendAll(40, 42)()
	require.GreaterOrEqual(t, s.metric("botgate_spool_drained_total"), 5.0*spoolUsers)

	const total = spoolUsers * 42
	eventually(t, func() error {
		if bot, stored := s.bot.distinct(), len(s.recorded()); bot < total || stored < total {
			return fmt.Errorf("of %d the bot got %d and %d are stored", total, bot, stored)
		}
		return nil
	})
	requireInOrder(t, s.bot)
	ids := map[string]bool{}
	for _, r := range s.recorded() {
		require.False(t, ids[r.Event.ID], "event %s is stored twice", r.Event.ID)
		ids[r.Event.ID] = true
	}
	require.Len(t, ids, total)
}

// TestSpoolWithoutBroker starts a gateway whose RabbitMQ is not there, fills its spool, and
// hands it over to another gateway.
func TestSpoolWithoutBroker(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_QUEUE_URL=amqp://u:p@127.0.0.1:1/", "BOTGATE_ROLES=none")
	path := s.caddyfileWith(t, "spool {$BOTGATE_SPOOL}", "spool {$BOTGATE_SPOOL} {\n max_size 4KB\n}")
	s.gateway = start(t, s.dir, s.env, gatewayBinary, "run", "--config", path)
	s.waitReady(s.base, s.gateway)
	token, accepted := s.token("alice"), 0
	var refused answer
	for range 10 {
		a, err := s.command(token, "", hello)
		require.NoError(t, err)
		if a.status != http.StatusAccepted {
			refused = a
			break
		}
		accepted++
	}
	require.Positive(t, accepted)
	requireProblem(t, refused, http.StatusServiceUnavailable, "queue-unavailable")
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	ready, err := send(http.MethodGet, s.base+"/readyz", nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, ready.status)
	require.Contains(t, s.gateway.output.String(), "max_size", "the log names the option")

	reload(t, s) // To the shipped Caddyfile, whose spool is larger.
	a, err := s.command(token, "", hello)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	require.InDelta(t, accepted+1, s.metric("botgate_spool_events"), 0)
	require.Equal(t, 1, strings.Count(s.gateway.output.String(), "they are kept in the spool"), "an outage is logged once")

	requireHandover(t, s)
}

// requireHandover starts another gateway with the same spool, which gets the file when the
// first one ends.
func requireHandover(t *testing.T, s *stack) {
	t.Helper()
	ports := testsvc.FreeAddresses(t, 2)
	_, httpPort, _ := strings.Cut(ports[0], ":")
	other := *s
	other.base, other.admin = "http://"+ports[0], ports[1]
	other.gateway = start(t, s.dir, append(s.env, "BOTGATE_HTTP_PORT="+httpPort, "BOTGATE_ADMIN="+ports[1]),
		gatewayBinary, "run", "--config", s.config)
	eventually(t, func() error {
		if !strings.Contains(other.gateway.output.String(), "another process has the spool") {
			return errors.New("it says nothing about the spool")
		}
		return nil
	})
	token := s.token("alice")
	eventually(t, func() error {
		a, err := other.command(token, "", hello)
		if err == nil && a.status != http.StatusServiceUnavailable {
			return fmt.Errorf("status %d", a.status)
		}
		return err
	})
	before := s.metric("botgate_spool_events")
	s.gateway.stop()
	other.waitReady(other.base, other.gateway)
	a, err := other.command(token, "", hello)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	require.InDelta(t, before+1, other.metric("botgate_spool_events"), 0)
}
