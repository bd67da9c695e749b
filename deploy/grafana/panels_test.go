package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/units"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// shows has what an expression of each unit looks like.
var shows = map[string]*regexp.Regexp{
	units.Seconds:           regexp.MustCompile(`_seconds(_bucket)?\{`),
	units.BytesIEC:          regexp.MustCompile(`^\w+_bytes\{[^}]*\}$`),
	units.PercentUnit:       regexp.MustCompile(`(?s)\S\s+/ \S`),
	units.RequestsPerSecond: regexp.MustCompile(`^\(?sum by \([\w, ]+\) \(rate\(`),
	units.EventsPerSecond:   regexp.MustCompile(`^sum( by \([\w, ]+\) )?\(rate\(`),
	units.OpsPerSecond:      regexp.MustCompile(`^(sum by \([\w, ]+\) \()?rate\(`),
}

var (
	placeholder = regexp.MustCompile(`\{\{(\w+)\}\}`)
	grouped     = regexp.MustCompile(`\bby \(([\w, ]+)\)`)
)

// TestUnits: the unit is that of what the expression gives.
func TestUnits(t *testing.T) {
	t.Parallel()
	eachQuery(func(where string, p panel, q query) {
		if shape, known := shows[p.unit]; known {
			require.Regexp(t, shape, q.expr, where)
			return
		}
		require.Equal(t, units.Short, p.unit, where)
		require.NotRegexp(t, `^(sum[^(]*\()?\(?rate\(`, q.expr, where)
		require.NotRegexp(t, `_(seconds|bytes)\{`, strings.ReplaceAll(q.expr, "process_start_time_seconds", ""), where)
	})
}

// TestLegends: each line has a name of its own, by labels that the expression leaves.
func TestLegends(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	eachQuery(func(where string, _ panel, q query) {
		require.NotEmpty(t, q.legend, where)
		require.False(t, names[where+q.legend], "%s has %s twice", where, q.legend)
		names[where+q.legend] = true
		used := map[string]bool{}
		for _, label := range placeholder.FindAllStringSubmatch(q.legend, -1) {
			used[label[1]] = true
		}
		by := grouped.FindStringSubmatch(q.expr)
		switch {
		case by != nil:
			for label := range strings.SplitSeq(by[1], ", ") {
				require.True(t, used[label] || label == "le", "%s does not name %s", where, label)
				delete(used, label)
			}
			require.Empty(t, used, where)
		case strings.Contains(q.expr, "sum(") || strings.Contains(q.expr, "max(") || strings.Contains(q.expr, "sum by (le)"):
			require.Empty(t, used, where)
		default:
			require.True(t, used["instance"], where)
		}
	})
}

// TestLines: a red line is where an alert of the panel's section begins.
func TestLines(t *testing.T) {
	t.Parallel()
	limits := thresholds(t)
	for _, b := range boards() {
		for _, r := range b.rows {
			for _, p := range r.panels {
				if p.line != 0 {
					require.Contains(t, limits[p.runbook], strconv.FormatFloat(p.line, 'f', -1, 64), "%s: %s", b.uid, p.title)
				}
			}
		}
	}
}

// thresholds are the numbers in the alerts of each section of the runbook.
func thresholds(t *testing.T) map[string][]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "prometheus", "rules", "*.yml"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	all := map[string][]string{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		var file struct {
			Groups []struct {
				Rules []struct {
					Expr        string            `yaml:"expr"`
					Annotations map[string]string `yaml:"annotations"`
				} `yaml:"rules"`
			} `yaml:"groups"`
		}
		require.NoError(t, yaml.Unmarshal(raw, &file))
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				_, section, _ := strings.Cut(r.Annotations["runbook_url"], "#")
				all[section] = append(all[section], regexp.MustCompile(`\b[0-9.]+\b`).FindAllString(r.Expr, -1)...)
			}
		}
	}
	return all
}

// eachQuery goes through all panels.
func eachQuery(look func(where string, p panel, q query)) {
	for _, b := range boards() {
		for _, r := range b.rows {
			for _, p := range r.panels {
				for _, q := range p.queries {
					look(b.uid+": "+p.title, p, q)
				}
			}
		}
	}
}
