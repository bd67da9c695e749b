package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/stretchr/testify/require"
)

// TestDashboardsAreWritten: what is committed is what the code writes.
func TestDashboardsAreWritten(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, write(folder))
	require.Equal(t, files(t, folder), files(t, "dashboards"), "run: make dashboards")
}

// TestDashboardsAreStrict: they have no field that Grafana does not know, and no value that it does not take, those of
// the panels' and the queries' plugins included.
func TestDashboardsAreStrict(t *testing.T) {
	t.Parallel()
	plugins.RegisterDefaultPlugins()
	for name, text := range files(t, "dashboards") {
		var d dashboard.Dashboard
		// What it returns is never nil, but empty when all is well.
		if err := d.UnmarshalJSONStrict([]byte(text)); err != nil {
			require.Empty(t, err.Error(), name)
		}
		require.NoError(t, d.Validate(), name)
		require.EqualValues(t, 42, d.SchemaVersion, "version 1 of the format, which older Grafanas read, too")
		for _, p := range d.Panels {
			if p.Panel != nil {
				require.IsType(t, &timeseries.Options{}, p.Panel.Options, *p.Panel.Title)
				require.IsType(t, prometheus.Dataquery{}, p.Panel.Targets[0], *p.Panel.Title)
			}
		}
	}
}

var (
	metricName = regexp.MustCompile(`\b(botgate|caddy|go|process|up)\b?(_[a-z_]+)?\{[^}]*\}`)
	chosen     = `{job=~"$job",instance=~"$instance"`
	ranged     = regexp.MustCompile(`rate\([^][]*\[([^]]*)\]`)
)

// TestPanels: each says what it shows, in which unit, and of the processes that the reader chose.
func TestPanels(t *testing.T) {
	t.Parallel()
	for _, b := range boards() {
		ids := map[uint32]bool{}
		for _, r := range b.rows {
			for _, p := range r.panels {
				where := b.uid + ": " + p.title
				require.False(t, ids[p.id] || p.id == 0 || p.id >= firstRow, "%s: id %d", where, p.id)
				ids[p.id] = true
				require.NotEmpty(t, p.unit, where)
				require.Regexp(t, `^[A-Z0-9].*\.$`, p.description, where)
				for _, q := range p.queries {
					requireChosen(t, where, fill.Replace(q.expr))
				}
			}
		}
	}
}

// requireChosen finds the variables in each selector of an expression.
func requireChosen(t *testing.T, where, expr string) {
	t.Helper()
	require.NotContains(t, expr, "@", where)
	if strings.Contains(expr, "ALERTS") {
		return // Prometheus' own, of which few have these labels.
	}
	selectors := metricName.FindAllString(expr, -1)
	require.Len(t, selectors, strings.Count(expr, "{"), "%s: %s", where, expr)
	for _, s := range selectors {
		require.Contains(t, s, chosen, where)
	}
	for _, found := range ranged.FindAllStringSubmatch(expr, -1) {
		require.Equal(t, "$__rate_interval", found[1], where)
	}
}

// files are the dashboards of a folder by name.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	all := map[string]string{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, json.Valid(raw))
		all[filepath.Base(path)] = string(raw)
	}
	return all
}
