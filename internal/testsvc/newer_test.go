package testsvc_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where newer servers can't be had, newer.sh says what is missing and changes nothing.
func TestNewerServersSayWhatTheyNeed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		user, want string
	}{
		"root":   {"1000", "needs root"},
		"Debian": {"0", "needs apt-get"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			programs, cache := t.TempDir(), t.TempDir()
			id := "#!/bin/sh\necho " + test.user + "\n"
			require.NoError(t, os.WriteFile(filepath.Join(programs, "id"), []byte(id), 0o700))
			shell, err := exec.LookPath("sh")
			require.NoError(t, err)
			cmd := exec.Command(shell, "newer.sh")
			cmd.Env = []string{"PATH=" + programs, "XDG_CACHE_HOME=" + cache}
			out, err := cmd.CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), test.want)
			left, err := os.ReadDir(cache)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}
