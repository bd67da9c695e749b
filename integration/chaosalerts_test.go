package integration

import (
	"fmt"
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

// faster is how much shorter the ranges and waits of the test's rules are than the shipped ones.
const faster = 15

// quiet is longer than most alerts of the test wait before they fire, where a fault has none.
const quiet = 30 * time.Second

// ofMachine are alerts that the machine of the test may fire, too: about how fast it is, Redis on it included, and about
// what else fills its disk. They count where a fault wants them; promtool tests them all.
var ofMachine = regexp.MustCompile("^(RabbitMQDiskFills|RedisDegraded|Latency.*|ApiLatencyHigh|ErrorBudget.*|SchedulerLag|CapacityNear|" +
	"RecordSlow|DeliverySlow)$")

// watched is a stack under load that a real Prometheus looks at, with the shipped rules.
type watched struct {
	*chaos
	prometheus *prometheusServer
	// jobs are what it scrapes now: a process that was started again may be elsewhere.
	jobs func() map[string][]string
}

// watch waits until so many targets are scraped, and nothing is about to fire.
func (c *chaos) watch(targets int, jobs func() map[string][]string) *watched {
	c.t.Helper()
	w := &watched{chaos: c, jobs: jobs, prometheus: startPrometheus(c.t, fasterRules(c.t, faster), jobs())}
	w.prometheus.awaitCalm(c.t, targets)
	return w
}

// requireAlerts has each fault fire its alerts and no other, and end them.
func (w *watched) requireAlerts(faults []fault) {
	w.t.Helper()
	for _, f := range faults {
		w.t.Run(f.name, func(t *testing.T) {
			want, known := alertsOf[f.name]
			require.True(t, known, "the alerts of this fault")
			w.prometheus.awaitFiring(t, nil)
			began, end := time.Now(), sync.OnceFunc(func() { f.end(); w.prometheus.scrape(w.jobs()) })
			defer end()
			f.begin()
			if want == nil {
				hold := time.NewTimer(quiet)
				<-hold.C
			}
			w.prometheus.awaitFiring(t, want)
			end()
			w.load.acceptedSince(t, time.Now())
			w.prometheus.awaitFiring(t, nil)
			require.Equal(t, want, w.prometheus.fired(t, began, want), "fired until it was over")
		})
	}
}

// TestChaosAlerts has the faults of the chaos tests fire their alerts.
func TestChaosAlerts(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	withoutRaceDetector(t)
	c := &chaos{stack: newStack(t), t: t}
	bots := newNeighbours(t, c.stack)
	broker, metrics := testsvc.StartRabbitMQWithMetrics(t)
	proxy := testsvc.StartProxy(t, broker.URL)
	c.rabbit, c.postgres = broker, testsvc.StartPostgres(t)
	c.database = c.postgres.URL
	c.startServicesOn(proxy.URL)
	broker.AwaitQueues("botgate.record", "botgate.bot.demo", "botgate.bot.down", "botgate.bot.down.1", "botgate.bot.hangs")
	c.second = c.secondGateway()
	// Few, so that a busy machine makes nothing degraded that no fault did.
	c.load = newChaosLoad(c.stack)
	c.load.add(c.stack, "demo", 4)
	c.load.add(c.second, "demo", 2)
	w := c.watch(7, func() map[string][]string {
		jobs := c.scraped()
		jobs["botgate-gateway"] = append(jobs["botgate-gateway"], c.second.admin)
		jobs["rabbitmq"], jobs["rabbitmq-queues"] = []string{metrics}, []string{metrics}
		return jobs
	})
	w.requireAlerts(slices.Concat(c.processFaults(), networkFaults(proxy), c.alertFaults(), c.botFaults(bots)))
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

var (
	ranges = regexp.MustCompile(`\[(\d+)([smh])\]`)
	waits  = regexp.MustCompile(`for: (\d+)([smh])`)
)

// fasterRules is a folder with the shipped rules, of which ranges and waits are so much shorter.
func fasterRules(t *testing.T, faster int) string {
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

// awaitFiring waits until these alerts fire, and no other. Some look back for what are four minutes here.
func (p *prometheusServer) awaitFiring(t *testing.T, want []string) {
	t.Helper()
	eventuallyWithin(t, 10*time.Minute, func() error {
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
	fired, err := p.names(fmt.Sprintf("last_over_time(ALERTS%s[%ds])", firing, 1+int(time.Since(since).Seconds())), want)
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
