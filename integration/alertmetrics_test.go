package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// elsewhereMade are metrics of others that do not run here, by what their names begin with.
var elsewhereMade = map[string]string{
	"cnpg_":  "CloudNativePG's exporter, which runs in Kubernetes",
	"kube_":  "kube-state-metrics, which runs in Kubernetes",
	"probe_": "the blackbox exporter",
}

const (
	// unreachableIssuer has keys that can't be fetched.
	unreachableIssuer = "\t\tissuer https://id.example {\n\t\t\tjwks https://127.0.0.1:1/keys\n\t\t\taudience botgate\n\t\t}\n"
	tokenIssuer       = "\thandle /oauth/token {\n\t\tbot_token {\n\t\t\tissuer https://bots.example\n\t\t\taudience botgate\n" +
		"\t\t\tclients_file data/clients.json\n\t\t}\n\t}\n\n"
	keptAnswer = "\thandle /kept {\n\t\troute {\n\t\t\tbot_cache {\n\t\t\t\tttl 1s\n\t\t\t}\n\t\t\trespond kept\n\t\t}\n\t}\n\n"
)

// TestAlertsHaveMetrics runs each expression of the shipped rules and dashboards in a real Prometheus that scrapes a
// real Botgate and its broker: each selector finds a series, and each panel shows something.
func TestAlertsHaveMetrics(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make alert-check and make chaos")
	}
	s := newStack(t)
	newNeighbours(t, s)
	broker, metrics := testsvc.StartRabbitMQWithMetrics(t)
	s.rabbit = broker
	s.env = append(s.env, "BOTGATE_HISTORY=1h 64MiB", "BOTGATE_BLOB_URL=file:"+filepath.Join(s.dir, "data", "blobs"))
	s.config = s.caddyfileWith(t, "\t\tissuer botgate\n", "\t\tissuer botgate\n"+unreachableIssuer, site, tokenIssuer+keptAnswer+site)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "data", "clients.json"), []byte("[]"), 0o600))
	s.startServicesOn(broker.URL)
	s.bot.failWith(func(d delivered) int {
		if d.subject == "officer" {
			return http.StatusGone
		}
		return 0
	})
	worker := s.backend("jobs")
	for _, p := range append(s.backends[1:], worker) {
		s.waitReady(p.base, p)
	}
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte("{"), 0o600))
	s.awaitRefusedFiles(true)
	s.backends = append(s.backends, worker)
	jobs := s.scraped()
	jobs["rabbitmq"], jobs["rabbitmq-queues"] = []string{metrics}, []string{metrics}
	rules, err := filepath.Abs("../deploy/prometheus/rules")
	require.NoError(t, err)
	p := startPrometheus(t, rules, jobs)

	all, round := asked(t), 0
	eventually(t, func() error {
		s.everythingHappens(round)
		round++
		if missing := p.unanswered(all); len(missing) > 0 {
			return fmt.Errorf("without a series:\n%s", strings.Join(missing, "\n"))
		}
		return nil
	})
}

// expression is what deploy/checks/alerts/selectors finds in rules and dashboards.
type expression struct {
	Where, Expr string
	Selectors   []string
}

// asked are the expressions of all rules and dashboards.
func asked(t *testing.T) (all []expression) {
	t.Helper()
	args := []string{"-C", "../deploy/checks/alerts", "run", "./selectors"}
	for _, pattern := range []string{"../deploy/prometheus/rules/*.yml", "../deploy/grafana/dashboards/*.json"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, paths)
		for _, path := range paths {
			path, err = filepath.Abs(path)
			require.NoError(t, err)
			args = append(args, path)
		}
	}
	out, err := exec.Command("go", args...).Output()
	require.NoError(t, err)
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var e expression
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		all = append(all, e)
	}
	require.NotEmpty(t, all)
	return all
}

// unanswered lists what finds no series: selectors, and whole expressions of panels.
func (p *prometheusServer) unanswered(all []expression) (missing []string) {
	p.t.Helper()
	for _, e := range all {
		_, err := p.query(e.Expr)
		require.NoError(p.t, err, e.Where)
		var wanted []string
		for _, selector := range e.Selectors {
			if !madeElsewhere(selector) {
				wanted = append(wanted, "last_over_time("+selector+"[10m])")
			}
		}
		if strings.HasPrefix(e.Where, "botgate-") {
			wanted = append(wanted, e.Expr)
		}
		for _, expr := range wanted {
			found, err := p.query(expr)
			require.NoError(p.t, err, e.Where)
			if len(found) == 0 {
				missing = append(missing, e.Where+": "+expr)
			}
		}
	}
	return missing
}

func madeElsewhere(selector string) bool {
	for prefix := range elsewhereMade {
		if strings.HasPrefix(selector, prefix) {
			return true
		}
	}
	return strings.Contains(selector, `job="botgate-certificate"`)
}

// everythingHappens has the stack count what alerts and panels look at; the number makes it new each time.
func (s *stack) everythingHappens(round int) {
	s.t.Helper()
	user := fmt.Sprint("user-", round)
	for _, bot := range []string{"demo", "down", "hangs"} {
		s.commandTo(bot, user, round)
	}
	tell := func(method, path string, header http.Header, body string) {
		_, err := send(method, s.base+path, header, []byte(body))
		require.NoError(s.t, err)
	}
	tell(http.MethodGet, "/kept", nil, "")
	tell(http.MethodPost, "/v1/bots/demo/commands", bearer("no token"), "{}")
	command := s.officer()
	command.Set("Content-Type", "application/json")
	command.Set("Idempotency-Key", user)
	for _, body := range []string{`{"command":"/a"}`, `{"command":"/a"}`, `{"command":"/b"}`, `[]`} {
		tell(http.MethodPost, "/v1/bots/demo/commands", command, body)
	}
	push := largePush(user)
	tell(http.MethodPost, "/hooks/demo/github", s.signed("github", push.event, push.delivery, push.body), string(push.body))
	tell(http.MethodPost, "/hooks/demo/github", s.signed("github", "ping", user, []byte(`{"zen":"a"}`)), `{"zen":"b"}`)
	for _, path := range []string{"/v1/events", "/v1/jobs", "/v1/sessions/demo/" + user, "/v1/events/" + idOf("nobody", "none") + "?wait=100ms"} {
		tell(http.MethodGet, path, s.officer(), "")
	}
}
