package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/botgate/botgate/internal/testsvc"
)

// The binaries under test, built once with the race detector.
var gatewayBinary, backendBinary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "botgate-integration-")
	if err == nil {
		gatewayBinary, backendBinary = filepath.Join(dir, "botgate"), filepath.Join(dir, "botgate-backend")
		err = build(gatewayBinary, "../cmd/botgate")
	}
	if err == nil {
		err = build(backendBinary, "../cmd/botgate-backend")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the binaries:", err)
		os.Exit(1)
	}
	testsvc.Main(m,
		// The clients' idle connections are not worth a shutdown.
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.Cleanup(func(code int) {
			os.RemoveAll(dir)
			os.Exit(code)
		}))
}

func build(output, pkg string, tags ...string) error {
	tags = append(tags, "nobadger,nomysql,nopgx")
	cmd := exec.Command("go", "build", "-race", "-tags", strings.Join(tags, ","), "-o", output, pkg)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}
