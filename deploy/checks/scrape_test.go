package checks

import (
	"net"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// scrapes are the targets of a configuration of Prometheus, by the names of their jobs.
func scrapes(t *testing.T, path string) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var config struct {
		Jobs []struct {
			Name   string                       `yaml:"job_name"`
			Static []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	require.NoError(t, yaml.Unmarshal(raw, &config))
	targets := map[string][]string{}
	for _, job := range config.Jobs {
		for _, static := range job.Static {
			targets[job.Name] = append(targets[job.Name], static.Targets...)
		}
	}
	return targets
}

// TestComposeIsScraped: each process of Botgate is, where Prometheus can reach it, by a job that the rules know.
func TestComposeIsScraped(t *testing.T) {
	t.Parallel()
	project := composed(t)
	prometheus := project.Services["prometheus"]
	for _, volume := range prometheus.Volumes {
		if volume.Type == "bind" {
			_, err := os.Stat(volume.Source)
			require.NoError(t, err)
		}
	}
	example := scrapes(t, "../prometheus/prometheus.yml")
	var hosts []string
	for job, targets := range scrapes(t, "../compose/prometheus.yml") {
		require.Contains(t, example, job)
		for _, target := range targets {
			host, port, err := net.SplitHostPort(target)
			require.NoError(t, err)
			require.Contains(t, project.Services[host].Networks, "monitoring", host)
			if job == "botgate-gateway" {
				require.Equal(t, "9180", port)
				require.Equal(t, "0.0.0.0", *project.Services[host].Environment["BOTGATE_METRICS_BIND"], host)
			}
			hosts = append(hosts, host)
		}
	}
	for _, name := range []string{"gateway-1", "gateway-2", "record", "dispatch", "api", "jobs", "rabbitmq"} {
		require.True(t, slices.Contains(hosts, name), "%s is not scraped", name)
	}
}
