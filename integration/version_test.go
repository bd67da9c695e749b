package integration

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVersions asks both binaries what they are; of the gateway, Caddy's version follows.
func TestVersions(t *testing.T) {
	t.Parallel()
	const botgate = ` v?\S*[a-z0-9]\S* \(commit \S+\), go1\.\S+`
	for _, argument := range []string{"version", "--version"} {
		gateway, stderr, code := run(t, t.TempDir(), nil, "", gatewayBinary, argument)
		require.Zero(t, code, stderr)
		require.Regexp(t, "^botgate"+botgate+`, Caddy v2\.\S+`, gateway)
		backend, stderr, code := run(t, t.TempDir(), nil, "", backendBinary, argument)
		require.Zero(t, code, stderr)
		require.Regexp(t, "^botgate-backend"+botgate+`\n$`, backend)
		require.NotContains(t, gateway+backend, "(devel)")
	}
}
