// Package alerts checks how alerts travel: the rules of Prometheus with the example for Alertmanager.
package alerts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// shippedAlerts are the labels of each alert of the rules, its name among them.
func shippedAlerts(t *testing.T) (all []model.LabelSet) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "prometheus", "rules", "*.yml"))
	require.NoError(t, err)
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		var file struct {
			Groups []struct {
				Rules []struct {
					Alert  string         `yaml:"alert"`
					Labels model.LabelSet `yaml:"labels"`
				} `yaml:"rules"`
			} `yaml:"groups"`
		}
		require.NoError(t, yaml.Unmarshal(raw, &file))
		for _, group := range file.Groups {
			for _, rule := range group.Rules {
				if rule.Alert != "" {
					all = append(all, rule.Labels.Merge(model.LabelSet{"alertname": model.LabelValue(rule.Alert)}))
				}
			}
		}
	}
	require.NotEmpty(t, all)
	return all
}

func alertNames(t *testing.T) (names []string) {
	t.Helper()
	for _, a := range shippedAlerts(t) {
		names = append(names, string(a["alertname"]))
	}
	return names
}

// namesIn are those that a matcher lists.
func namesIn(pattern string) []string { return strings.Split(pattern, "|") }
