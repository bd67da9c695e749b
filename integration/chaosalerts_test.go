package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// faster is how often the test's Prometheus scrapes where the shipped one does once; its rules are as much faster.
const faster = 15

// quiet is longer than any alert of the test waits before it fires, where a fault has none.
const quiet = 30 * time.Second

// ofMachine are alerts that the machine of the test may fire, too: about how fast it is, Redis on it included, and about
// what else fills its disk. They count where a fault wants them; promtool tests them all.
var ofMachine = regexp.MustCompile("^(RabbitMQDiskFills|RedisDegraded|Latency.*|ApiLatencyHigh|ErrorBudget.*|SchedulerLag|CapacityNear|" +
	"RecordSlow|DeliverySlow)$")

// alertsOf are the alerts of each fault of the chaos tests, and no other: what follows from them is among them.
var alertsOf = map[string][]string{
	"nothing":                                     nil,
	"broker killed -9":                            {"RabbitMQNoMajority", "Spooling"},
	"broker stopped (SIGSTOP)":                    {"RabbitMQNoMajority", "Spooling"},
	"broker's memory alarm":                       {"RabbitMQMemoryAlarm", "Spooling"},
	"Redis killed -9":                             {"RedisDegraded"},
	"gateway killed -9":                           {"InstanceDown"},
	"second gateway killed -9":                    {"InstanceDown"},
	"both gateways killed -9":                     {"GatewayDown"},
	"consumers killed -9":                         {"BackendDown", "DepthUnknown"},
	"connections cut":                             nil,
	"network cut off both ways":                   {"Spooling"},
	"broker not heard":                            {"Spooling"},
	"broker does not hear":                        {"Spooling"},
	"database killed -9":                          {"DatabaseDown"},
	"bot refuses everything":                      {"BotFailing"},
	"broker killed -9, a gateway without a spool": {"NotAccepting", "RabbitMQNoMajority", "Spooling"},
}

// TestChaosAlerts has each fault of the chaos tests fire its alerts and no other, in a real Prometheus with the shipped
// rules, and end them.
func TestChaosAlerts(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	withoutRaceDetector(t)
	c := &chaos{stack: newStack(t), t: t}
	broker, metrics := testsvc.StartRabbitMQWithMetrics(t)
	proxy := testsvc.StartProxy(t, broker.URL)
	c.rabbit, c.postgres = broker, testsvc.StartPostgres(t)
	c.database = c.postgres.URL
	c.startServicesOn(proxy.URL)
	broker.AwaitQueues("botgate.record", "botgate.bot.demo")
	c.second = c.secondGateway()
	// Few, so that a busy machine makes nothing degraded that no fault did.
	c.load = newChaosLoad(c.stack)
	c.load.add(c.stack, "demo", 4)
	c.load.add(c.second, "demo", 2)
	p := startPrometheus(t, fasterRules(t), c.watched(metrics))
	p.awaitCalm(t, 7)
	for _, f := range slices.Concat(c.processFaults(), networkFaults(proxy), c.alertFaults()) {
		t.Run(f.name, func(t *testing.T) {
			want, known := alertsOf[f.name]
			require.True(t, known, "the alerts of this fault")
			p.awaitFiring(t, nil)
			began, end := time.Now(), sync.OnceFunc(f.end)
			defer end()
			f.begin()
			if want == nil {
				hold := time.NewTimer(quiet)
				<-hold.C
			}
			p.awaitFiring(t, want)
			end()
			p.scrape(c.watched(metrics))
			c.load.acceptedSince(t, time.Now())
			p.awaitFiring(t, nil)
			require.Equal(t, want, p.fired(t, began, want), "fired until it was over")
		})
	}
	c.requireAll()
}

// withoutRaceDetector builds the binaries as they are used: with it, a busy machine is too slow for what is to be fast.
func withoutRaceDetector(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	gateway, backend := gatewayBinary, backendBinary
	t.Cleanup(func() { gatewayBinary, backendBinary = gateway, backend })
	gatewayBinary, backendBinary = filepath.Join(dir, "botgate"), filepath.Join(dir, "botgate-backend")
	require.NoError(t, buildPlain(gatewayBinary, "../cmd/botgate"))
	require.NoError(t, buildPlain(backendBinary, "../cmd/botgate-backend"))
}

// watched are what Prometheus scrapes.
func (c *chaos) watched(broker string) map[string][]string {
	jobs := c.scraped()
	jobs["botgate-gateway"] = append(jobs["botgate-gateway"], c.second.admin)
	jobs["rabbitmq"], jobs["rabbitmq-queues"] = []string{broker}, []string{broker}
	return jobs
}

// alertFaults are faults that the other chaos tests have beside others.
func (c *chaos) alertFaults() []fault {
	both := func(do func(*stack)) func() { return func() { do(c.stack); do(c.second) } }
	return []fault{
		{
			name:  "both gateways killed -9",
			begin: both(func(s *stack) { s.gateway.kill() }), end: both((*stack).startGateway),
		},
		{name: "database killed -9", begin: c.postgres.Kill, end: c.postgres.Restart},
		{
			name:  "bot refuses everything",
			begin: func() { c.bot.failWith(func(delivered) int { return http.StatusServiceUnavailable }) },
			end:   func() { c.bot.failWith(func(delivered) int { return 0 }) },
		},
		{
			name:  "broker killed -9, a gateway without a spool",
			begin: func() { c.restartSecond("BOTGATE_ON_BROKER_ERROR=reject"); c.rabbit.Kill() },
			end:   func() { c.rabbit.Restart(); c.restartSecond("BOTGATE_ON_BROKER_ERROR=spool") },
		},
	}
}

// restartSecond starts the second gateway anew with another setting.
func (c *chaos) restartSecond(setting string) {
	c.second.gateway.kill()
	c.second.env = append(c.second.env, setting)
	c.second.startGateway()
}

var (
	ranges = regexp.MustCompile(`\[(\d+)([smh])\]`)
	waits  = regexp.MustCompile(`for: (\d+)([smh])`)
)

// fasterRules is a folder with the shipped rules, of which ranges and waits are as much shorter as scrapes are more.
func fasterRules(t *testing.T) string {
	t.Helper()
	paths, err := filepath.Glob("../deploy/prometheus/rules/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	folder := t.TempDir()
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		text := string(raw)
		for pattern, form := range map[*regexp.Regexp]string{ranges: "[%ds]", waits: "for: %ds"} {
			text = pattern.ReplaceAllStringFunc(text, func(found string) string {
				parts := pattern.FindStringSubmatch(found)
				n, _ := strconv.Atoi(parts[1])
				seconds := n * map[string]int{"s": 1, "m": 60, "h": 3600}[parts[2]]
				return fmt.Sprintf(form, seconds/faster)
			})
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, filepath.Base(path)), []byte(text), 0o600))
	}
	return folder
}

// awaitFiring waits until these alerts fire, and no other.
func (p *prometheusServer) awaitFiring(t *testing.T, want []string) {
	t.Helper()
	eventuallyWithin(t, 3*time.Minute, func() error {
		firing, err := p.names("ALERTS"+firing, want)
		if err == nil && !slices.Equal(firing, want) {
			err = fmt.Errorf("firing: %s; wanted: %s", strings.Join(firing, ", "), strings.Join(want, ", "))
		}
		return err
	})
}

// awaitCalm waits until so many targets are scraped, and no alert is about to fire.
func (p *prometheusServer) awaitCalm(t *testing.T, targets int) {
	t.Helper()
	eventuallyWithin(t, 3*time.Minute, func() error {
		up, err := p.query("up == 1")
		if err == nil && len(up) != targets {
			err = fmt.Errorf("%d of %d targets are scraped", len(up), targets)
		}
		if err != nil {
			return err
		}
		soon, err := p.names(strings.Replace("ALERTS"+firing, `"firing"`, `"pending"`, 1), nil)
		if err == nil && len(soon) > 0 {
			err = fmt.Errorf("about to fire: %s", strings.Join(soon, ", "))
		}
		return err
	})
}

// firing selects alerts that count here: all but the Watchdog.
const firing = `{alertstate="firing",severity!="none"}`

// fired are the alerts that fired since then.
func (p *prometheusServer) fired(t *testing.T, since time.Time, want []string) []string {
	t.Helper()
	fired, err := p.names(fmt.Sprintf("last_over_time(ALERTS%s[%ds])", firing, int(time.Since(since).Seconds())), want)
	require.NoError(t, err)
	return fired
}

// names are those of the alerts that an expression finds, without those of the machine that are not wanted.
func (p *prometheusServer) names(expr string, want []string) (names []string, err error) {
	found, err := p.query("count by (alertname) (" + expr + ")")
	for _, one := range found {
		if name := one.Metric["alertname"]; slices.Contains(want, name) || !ofMachine.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}
