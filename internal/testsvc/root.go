package testsvc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// rootEnv names a folder with the programs of another Debian, as newer.sh makes it, from which
// servers are run by chroot. A path below that folder is the same inside and outside.
const rootEnv = "BOTGATE_TEST_ROOT"

// root is where a server's programs are; empty for the machine itself. What we build needs none.
func (k *kind) root() string {
	if k.install == "" {
		return ""
	}
	return os.Getenv(rootEnv)
}

// rootAccount finds an account of the root, which the machine need not have.
func rootAccount(root, name string) (*syscall.Credential, error) {
	accounts, err := os.ReadFile(filepath.Join(root, "etc", "passwd"))
	if err != nil {
		return nil, fmt.Errorf("reading the accounts: %w", err)
	}
	for line := range strings.Lines(string(accounts)) {
		fields := strings.Split(line, ":")
		if len(fields) > 3 && fields[0] == name {
			return credential(fields[2], fields[3])
		}
	}
	return nil, fmt.Errorf("account %s in %s: %w", name, root, errNotInstalled)
}
