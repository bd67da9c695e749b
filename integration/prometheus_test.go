package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/botgate/botgate/internal/testsvc"
)

// prometheusServer is a real one, with the shipped configuration.
type prometheusServer struct {
	t      *testing.T
	base   string
	config string
	rules  string
	// blackbox is where the exporter of that name listens, for the job that asks it.
	blackbox string
	p        *process
}

// series is what an expression returned.
type series struct {
	Metric map[string]string `json:"metric"`
}

// startPrometheus scrapes the addresses of each job, with the rules of the folder.
func startPrometheus(t *testing.T, rules string, jobs map[string][]string) *prometheusServer {
	t.Helper()
	return startPrometheusWith(t, rules, "", jobs)
}

// startPrometheusWith does the same with a blackbox exporter at the address.
func startPrometheusWith(t *testing.T, rules, blackbox string, jobs map[string][]string) *prometheusServer {
	t.Helper()
	programs, err := exec.Command("sh", "../deploy/unpack.sh", "prometheus", "prometheus").Output()
	require.NoError(t, err)
	dir, address := t.TempDir(), testsvc.FreeAddresses(t, 1)[0]
	p := &prometheusServer{t: t, base: "http://" + address, config: filepath.Join(dir, "prometheus.yml"), rules: rules, blackbox: blackbox}
	p.write(jobs)
	p.p = start(t, dir, nil, filepath.Join(strings.TrimSpace(string(programs)), "prometheus"),
		"--config.file="+p.config, "--storage.tsdb.path=data", "--web.listen-address="+address, "--log.level=warn")
	eventually(t, func() error {
		_, err := p.query("up")
		return err
	})
	return p
}

// scrape makes it scrape other addresses, and forget those of before.
func (p *prometheusServer) scrape(jobs map[string][]string) {
	p.t.Helper()
	p.write(jobs)
	require.NoError(p.t, p.p.cmd.Process.Signal(syscall.SIGHUP))
}

// write makes the configuration of the shipped one, without the jobs that are not given. It scrapes more often, but with
// more time than the 2 s in which a process gives up a broker that does not answer its scrape. A scrape that fails for its
// time shows only then: of the broker, which may be stopped, two have to fit into the shortest range of [fasterRules].
func (p *prometheusServer) write(jobs map[string][]string) {
	p.t.Helper()
	raw, err := os.ReadFile("../deploy/prometheus/prometheus.yml")
	require.NoError(p.t, err)
	var config map[string]any
	raw = bytes.ReplaceAll(raw, []byte("blackbox:9115"), []byte(p.blackbox))
	require.NoError(p.t, yaml.Unmarshal(raw, &config))
	delete(config, "alerting")
	config["global"] = map[string]string{"scrape_interval": "3s", "scrape_timeout": "3s", "evaluation_interval": "1s"}
	config["rule_files"] = []string{filepath.Join(p.rules, "*.yml")}
	var scraped []any
	for _, one := range config["scrape_configs"].([]any) {
		job := one.(map[string]any)
		if targets, given := jobs[job["job_name"].(string)]; given {
			job["static_configs"] = []any{map[string]any{"targets": targets}}
			if strings.HasPrefix(job["job_name"].(string), "rabbitmq") {
				job["scrape_interval"], job["scrape_timeout"] = "1800ms", "1800ms"
			}
			scraped = append(scraped, job)
		}
	}
	require.Len(p.t, scraped, len(jobs), "the shipped configuration has all jobs")
	config["scrape_configs"] = scraped
	raw, err = yaml.Marshal(config)
	require.NoError(p.t, err)
	require.NoError(p.t, os.WriteFile(p.config, raw, 0o600))
}

// query runs an expression now.
func (p *prometheusServer) query(expr string) ([]series, error) {
	a, err := send(http.MethodGet, p.base+"/api/v1/query?query="+url.QueryEscape(expr), nil, nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []series `json:"result"`
		} `json:"data"`
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("prometheus answers %d: %s", a.status, a.body)
	}
	err = json.Unmarshal(a.body, &answer)
	return answer.Data.Result, err
}

// scrapeTime is twice what Prometheus waits for an answer where nobody says otherwise.
const scrapeTime = 20 * time.Second

// requireScrapes has every process of the stack answer a scrape in time.
func (s *stack) requireScrapes() {
	s.t.Helper()
	for _, addresses := range s.scraped() {
		for _, address := range addresses {
			ctx, cancel := context.WithTimeout(s.t.Context(), scrapeTime)
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
			require.NoError(s.t, err)
			response, err := http.DefaultClient.Do(request)
			require.NoError(s.t, err)
			_, err = io.Copy(io.Discard, response.Body)
			require.NoError(s.t, errors.Join(err, response.Body.Close()))
			require.Equal(s.t, http.StatusOK, response.StatusCode)
			cancel()
		}
	}
}

// scraped are the addresses of the stack's processes by the names of the shipped jobs.
func (s *stack) scraped() map[string][]string {
	backends := []string{strings.TrimPrefix(s.api, "http://")}
	for _, p := range s.backends[1:] {
		backends = append(backends, strings.TrimPrefix(p.base, "http://"))
	}
	return map[string][]string{"botgate-gateway": {s.admin}, "botgate-backend": backends}
}
