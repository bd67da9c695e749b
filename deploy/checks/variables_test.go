package checks

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// ofFiles are variables of the files themselves, which their README.md explains.
var ofFiles = map[string]bool{"BOTGATE_PORT": true, "BOTGATE_VERSION": true}

// variables are the names of Botgate's variables in files, each with one that has it.
func variables(t *testing.T, paths ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, root := range paths {
		require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			for _, name := range regexp.MustCompile(`BOTGATE_[A-Z_]+`).FindAllString(string(text), -1) {
				found[name] = path
			}
			return err
		}))
	}
	return found
}

// TestVariablesAreKnown: one that is misspelt would change nothing, without a word.
func TestVariablesAreKnown(t *testing.T) {
	t.Parallel()
	known := variables(t, "../../docs/reference", "../../Caddyfile")
	used := variables(t, "../compose/compose.yaml", "../systemd", "../helm/botgate/templates", "../docker/Dockerfile")
	require.Contains(t, used, "BOTGATE_QUEUE_URL")
	for name, path := range used {
		require.True(t, known[name] != "" || ofFiles[name], "%s has %s, which no page of reference knows", path, name)
	}
}
