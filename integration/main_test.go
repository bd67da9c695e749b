package integration

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
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
	// Tests wait more than they work. The flag has the number of processors where nobody gives another one.
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		err = flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "setting the flag parallel:", err)
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

// build builds with the race detector, as "make test" does.
func build(output, pkg string, tags ...string) error {
	return buildPlain(output, pkg, "-race", "-gcflags=modernc.org/...=-race=false",
		"-tags", strings.Join(append(tags, "nobadger,nomysql,nopgx"), ","))
}

// buildPlain builds as for use, but for the flags.
func buildPlain(output, pkg string, flags ...string) error {
	args := append([]string{"build", "-tags", "nobadger,nomysql,nopgx"}, flags...)
	cmd := exec.Command("go", append(args, "-o", output, pkg)...)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}
