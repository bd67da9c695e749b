package botjwt

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/stretchr/testify/require"
)

// TestAdapt compares what becomes of Caddyfiles with the golden files: a Caddyfile, a
// line of dashes, and the JSON or, where adapting fails, the error. UPDATE_GOLDEN=1
// rewrites them.
func TestAdapt(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	const dashes = "----------\n"
	for _, file := range files {
		golden, err := os.ReadFile(file)
		require.NoError(t, err)
		input, want, ok := strings.Cut(string(golden), dashes)
		require.True(t, ok, file)
		got := adapt(t, input)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			require.NoError(t, os.WriteFile(file, []byte(input+dashes+got), 0o600))
			continue
		}
		require.Equal(t, want, got, file)
		require.Equal(t, strings.HasPrefix(filepath.Base(file), "error-"), !strings.HasPrefix(got, "{"), file)
	}
}

func adapt(t *testing.T, input string) string {
	t.Helper()
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), nil)
	if err != nil {
		return err.Error() + "\n"
	}
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, adapted, "", "\t"))
	return indented.String() + "\n"
}
