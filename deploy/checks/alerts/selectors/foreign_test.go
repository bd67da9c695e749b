package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var (
	// ours are the beginnings of names that are compared with a real Botgate, by make alert-check.
	ours = []string{"botgate_", "botgate:", "caddy_", "go_", "process_", "up", "ALERTS"}
	// ofScrape are the labels that Prometheus gives to what it scrapes.
	ofScrape = []string{model.MetricNameLabel, "job", "instance", "namespace", "pod"}
)

// TestForeignMetrics: what rules and dashboards ask of others is what these have, and the list has nothing else.
func TestForeignMetrics(t *testing.T) {
	t.Parallel()
	known, asked := foreign(t), map[string]bool{}
	for _, path := range shipped(t) {
		found, err := read(path)
		require.NoError(t, err)
		for _, e := range found {
			parsed, err := parser.NewParser(parser.Options{}).ParseExpr(e.Expr)
			require.NoError(t, err, e.Where)
			parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
				s, ok := node.(*parser.VectorSelector)
				if !ok || beginsWith(s.Name, ours) {
					return nil
				}
				asked[s.Name] = true
				require.Contains(t, known, s.Name, e.Where)
				for _, m := range s.LabelMatchers {
					require.True(t, slices.Contains(known[s.Name], m.Name) || slices.Contains(ofScrape, m.Name),
						"%s: %s has no label %s", e.Where, s.Name, m.Name)
				}
				return nil
			})
		}
	}
	for name := range known {
		require.True(t, asked[name], "nothing asks for %s", name)
	}
}

// foreign are the labels of each metric of others.
func foreign(t *testing.T) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "foreign.yml"))
	require.NoError(t, err)
	var sources []struct {
		From    string              `yaml:"from"`
		Metrics map[string][]string `yaml:"metrics"`
	}
	require.NoError(t, yaml.Unmarshal(raw, &sources))
	all := map[string][]string{}
	for _, s := range sources {
		require.NotEmpty(t, s.From)
		maps.Copy(all, s.Metrics)
	}
	require.NotEmpty(t, all)
	return all
}

// shipped are the files of rules and dashboards.
func shipped(t *testing.T) (paths []string) {
	t.Helper()
	deploy := filepath.Join("..", "..", "..")
	for _, pattern := range []string{"prometheus/rules/*.yml", "grafana/dashboards/*.json"} {
		found, err := filepath.Glob(filepath.Join(deploy, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found)
		paths = append(paths, found...)
	}
	return paths
}

func beginsWith(name string, beginnings []string) bool {
	return slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(name, b) })
}
