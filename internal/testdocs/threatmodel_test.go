package testdocs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// named is a test that the page names: its folder and its function.
var named = regexp.MustCompile("`([a-z0-9/]+) ((?:Test|Fuzz)[A-Za-z0-9]+)`")

// TestThreatModelNamesTests makes sure that what the threat model says is shown by tests that there are.
func TestThreatModelNamesTests(t *testing.T) {
	t.Parallel()
	const root = "../.."
	page, err := os.ReadFile(filepath.Join(root, "docs", "explanation", "threat-model.md"))
	require.NoError(t, err)
	found := named.FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, found)
	for _, test := range found {
		require.True(t, declares(t, filepath.Join(root, test[1]), test[2]), "%s has no %s", test[1], test[2])
	}
}

func declares(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if regexp.MustCompile(`(?m)^func ` + name + `\(`).Match(text) {
			return true
		}
	}
	return false
}
