package cli

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/revocation"
)

func TestRevoke(t *testing.T) {
	t.Setenv("BOTGATE_REDIS_URL", "")
	dir := t.TempDir()
	list := func() *revocation.List {
		list, err := revocation.NewFile(filepath.Join(dir, "revocations.json")).Load(t.Context(), nil)
		require.NoError(t, err)
		return list
	}
	what, err := revoke(flags(t, revokeFlags, "--data", dir, "--jti", "id-1"))
	require.NoError(t, err)
	require.Contains(t, what, "revocations.json until ")
	require.True(t, list().Revoked("id-1", "", time.Time{}))

	_, err = revoke(flags(t, revokeFlags, "--data", dir, "--sub", "ada"))
	require.NoError(t, err)
	require.True(t, list().Revoked("", "ada", time.Now()))
	require.False(t, list().Revoked("", "ada", time.Now().Add(2*time.Second)))

	_, err = revoke(flags(t, revokeFlags, "--data", dir, "--sub", "eve", "--before", "2026-01-31T12:00:00Z", "--for", "1h"))
	require.NoError(t, err)
	require.False(t, list().Revoked("", "eve", time.Now()))

	for want, args := range map[string][]string{
		"either --jti or --sub": {}, "either --jti or --sub ": {"--jti", "a", "--sub", "b"},
		"option --before: it goes":  {"--jti", "a", "--before", "2026-01-31T12:00:00Z"},
		"option --before: \"soon\"": {"--sub", "a", "--before", "soon"},
		"option --for":              {"--sub", "a", "--for", "-1h"},
		"option --redis":            {"--sub", "a", "--redis", "http://x"},
	} {
		_, err := revoke(flags(t, revokeFlags, append([]string{"--data", dir}, args...)...))
		require.ErrorContains(t, err, want[:len(want)-1])
	}
}
