package checks

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChartFiles: what the chart has a copy of is as it is where it comes from.
func TestChartFiles(t *testing.T) {
	t.Parallel()
	for source, files := range map[string]string{
		"../prometheus/rules/*.yml":    "../helm/botgate/files/rules",
		"../grafana/dashboards/*.json": "../helm/botgate/files/dashboards",
	} {
		want := contents(t, source)
		got := contents(t, filepath.Join(files, "*"))
		require.Equal(t, want, got, "run: make chart-files")
	}
}

// contents are the files by their names.
func contents(t *testing.T, pattern string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	require.NoError(t, err)
	found := map[string]string{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		found[filepath.Base(path)] = string(raw)
	}
	return found
}
