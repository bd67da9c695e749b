package sqlitefile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	for name, link := range map[string]func(from, to string) error{
		"with hard links":    os.Link,
		"without hard links": func(string, string) error { return errors.ErrUnsupported },
		"when another process was faster": func(from, to string) error {
			return errors.Join(os.Link(from, to), os.Link(from, to))
		},
		"when it was without hard links": func(_, to string) error {
			return errors.Join(os.WriteFile(to, nil, 0o600), errors.ErrUnsupported)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "new")
			require.NoError(t, create(filepath.Join(dir, "file.db"), link))
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, files, 1)
			info, err := files[0].Info()
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		})
	}
}
