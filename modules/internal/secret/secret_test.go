package secret_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/secret"
)

func TestFromFile(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"s3cret": "s3cret", "s3cret\n": "s3cret", "s3cret\r\n": "s3cret", " s3 cret \n": " s3 cret ",
	} {
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		got, err := secret.FromFile(path)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	path := filepath.Join(t.TempDir(), "file")
	_, err := secret.FromFile(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, path)
	require.NoError(t, os.WriteFile(path, []byte("\n"), 0o600))
	_, err = secret.FromFile(path)
	require.ErrorContains(t, err, path+": it is empty")
}

func TestFromEnv(t *testing.T) {
	t.Setenv("BOTGATE_TEST_SECRET", "s3cret\n")
	got, err := secret.FromEnv("BOTGATE_TEST_SECRET")
	require.NoError(t, err)
	require.Equal(t, "s3cret", string(got))
	_, err = secret.FromEnv("BOTGATE_TEST_NO_SECRET")
	require.ErrorContains(t, err, "BOTGATE_TEST_NO_SECRET")
}
