package cli

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/revocation"
)

func TestRevoke(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "revocations.json")
	list := func() *revocation.List {
		list, err := revocation.NewFile(path).Load(t.Context(), nil)
		require.NoError(t, err)
		return list
	}
	what, err := revoke(flags(t, revokeFlags, "--file", path, "--jti", "id-1"))
	require.NoError(t, err)
	require.Contains(t, what, "revocations.json until ")
	require.True(t, list().Revoked("id-1", "", time.Time{}))

	_, err = revoke(flags(t, revokeFlags, "--file", path, "--sub", "ada"))
	require.NoError(t, err)
	require.True(t, list().Revoked("", "ada", time.Now()))
	require.False(t, list().Revoked("", "ada", time.Now().Add(2*time.Second)))

	_, err = revoke(flags(t, revokeFlags, "--file", path, "--sub", "eve", "--before", "2026-01-31T12:00:00Z", "--for", "1h"))
	require.NoError(t, err)
	require.False(t, list().Revoked("", "eve", time.Now()))

	for want, args := range map[string][]string{
		"either --jti or --sub": {}, "either --jti or --sub ": {"--jti", "a", "--sub", "b"},
		"option --before: it goes":  {"--jti", "a", "--before", "2026-01-31T12:00:00Z"},
		"option --before: \"soon\"": {"--sub", "a", "--before", "soon"},
		"option --for":              {"--sub", "a", "--for", "-1h"},
		"either --redis or --file ": {"--sub", "a", "--redis", "redis://x"},
	} {
		_, err := revoke(flags(t, revokeFlags, append([]string{"--file", path}, args...)...))
		require.ErrorContains(t, err, want[:len(want)-1])
	}
	_, err = revoke(flags(t, revokeFlags, "--sub", "a", "--redis", "http://x"))
	require.ErrorContains(t, err, "option --redis")
}

// TestRevokeNeedsAGateway: what no gateway was told is not revoked, whatever folders are around.
func TestRevokeNeedsAGateway(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("data", 0o700))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	_, err = revoke(flags(t, revokeFlags, "--sub", "a", "--address", listener.Addr().String()))
	require.ErrorContains(t, err, "nothing was revoked: asking the gateway at "+listener.Addr().String())
	require.NoFileExists(t, "data/revocations.json")
}
