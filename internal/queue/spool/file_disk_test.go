package spool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testlog"
)

func TestTemporary(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		kind int64
		want string
	}{
		"overlay":               {0x794c7630, "overlay"},
		"tmpfs":                 {0x01021994, "tmpfs"},
		"ramfs":                 {0x858458f6, "ramfs"},
		"ramfs in a signed int": {-0x7a7ba70a, "ramfs"},
		"ext4":                  {0xef53, ""},
		"xfs":                   {0x58465342, ""},
		"btrfs":                 {0x9123683e, ""},
		"not known":             {0, ""},
	} {
		require.Equal(t, tc.want, temporary(tc.kind), name)
	}
}

// TestASpoolInMemoryIsAWarning needs /dev/shm, which Linux has in memory.
func TestASpoolInMemoryIsAWarning(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/dev/shm", "botgate")
	if err != nil || temporary(fileSystem(dir)) == "" {
		t.Skip("there is no /dev/shm in memory")
	}
	defer func() { require.NoError(t, os.RemoveAll(dir)) }()
	logged := new(testlog.Buffer)
	s, err := Open(t.Context(), Config{Path: filepath.Join(dir, "spool.db"), Logger: logged.Logger()})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Equal(t, 1, strings.Count(logged.String(), "file_system=tmpfs"))
	require.Contains(t, logged.String(), "on_broker_error reject")
}
