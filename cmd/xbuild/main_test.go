package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestShippedManifest keeps xcaddy.json in step with go.mod and with what is in the tree.
func TestShippedManifest(t *testing.T) {
	t.Parallel()
	builder, err := read("../../xcaddy.json")
	require.NoError(t, err)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	require.Len(t, builder.Plugins, 1)
	require.Equal(t, "github.com/botgate/botgate", builder.Plugins[0].PackagePath)
	require.Len(t, builder.Replacements, 1)
	require.Equal(t, root, builder.Replacements[0].New.String(), "relative folders are resolved")

	mod, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	pinned := regexp.MustCompile(`github.com/caddyserver/caddy/v2 (v\S+)`).FindSubmatch(mod)
	require.NotNil(t, pinned)
	require.Equal(t, string(pinned[1]), builder.CaddyVersion)
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"not json": `{`, "unknown field": `{"caddy": "v2"}`, "flags of the command line": `{"with": ["x"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "xcaddy.json")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			_, err := read(path)
			require.ErrorContains(t, err, path)
		})
	}
	_, err := read("nowhere.json")
	require.Error(t, err)
}
