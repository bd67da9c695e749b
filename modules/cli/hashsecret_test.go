package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

func TestHashSecret(t *testing.T) {
	t.Parallel()
	const chosen = "correct horse battery staple"
	path := filepath.Join(t.TempDir(), "input")
	require.NoError(t, os.WriteFile(path, []byte(chosen+"\r\n"), 0o600))
	input, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, input.Close()) })
	secret, err := askSecret(input, nil)
	require.NoError(t, err)
	require.Equal(t, chosen, string(secret))

	var out bytes.Buffer
	require.NoError(t, hashSecret(secret, bcrypt.MinCost, &out))
	hash := bytes.TrimSpace(out.Bytes())
	require.NoError(t, bcrypt.CompareHashAndPassword(hash, []byte(chosen)))
}

func TestGenerateSecret(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, generateSecret(&out, bcrypt.MinCost))
	found := regexp.MustCompile(`^secret: ([A-Za-z0-9_-]{43})\nhash:   (\S{60})\n$`).FindSubmatch(out.Bytes())
	require.Len(t, found, 3, out.String())
	require.NoError(t, bcrypt.CompareHashAndPassword(found[2], found[1]))
}

func TestHashSecretRefuses(t *testing.T) {
	t.Parallel()
	for want, secret := range map[string]string{
		"the secret is empty":         "",
		"more than 72 bytes":          strings.Repeat("a", 73),
		"of printable ASCII":          "gr\u00fcn and blue and red",
		"must be of printable ASCII ": "two\nlines and some more",
		"the secret has 15 bytes":     "fifteen letters",
		"nothing but white space":     strings.Repeat(" ", 16),
		"that nothing replaced":       "${SECRET_OF_CLIENT}",
	} {
		var out bytes.Buffer
		err := hashSecret([]byte(secret), bcrypt.MinCost, &out)
		require.ErrorContains(t, err, want)
		require.Empty(t, out.String())
	}
}
