package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// steppedClock is a clock that this test's binaries go by, and nobody else: what is in the file is
// the number of seconds by which it is wrong.
type steppedClock struct {
	t    *testing.T
	file string
}

// clockVariable has the path of the file.
const clockVariable = "BOTGATE_TEST_CLOCK"

// steppedNow replaces time.Now of the standard library: a test can't set the machine's clock. As
// there, the monotonic clock goes on. The file is read by a goroutine, since timers ask for the
// time where no system call is allowed.
const steppedNow = `
var step Duration

func init() {
	go func() {
		path, _ := syscall.Getenv("` + clockVariable + `")
		for ; path != ""; Sleep(10 * Millisecond) {
			step = readStep(path)
		}
	}()
}

func readStep(path string) Duration {
	f, err := open(path)
	if err != nil {
		return step
	}
	defer closefd(f)
	var buffer [32]byte
	n, err := read(f, buffer[:])
	sign, seconds := Second, Duration(0)
	for _, c := range buffer[:max(n, 0)] {
		if c == '-' {
			sign = -Second
		} else {
			seconds = seconds*10 + Duration(c-'0')
		}
	}
	return sign * seconds
}

func Now() Time {
	now := trueNow()
	stepped := now.Add(step)
	if stepped.wall&hasMonotonic != 0 {
		stepped.ext = now.ext
	}
	return stepped
}

func trueNow() Time {`

// newSteppedClock builds the binaries under test anew.
func newSteppedClock(t *testing.T) *steppedClock {
	t.Helper()
	dir := t.TempDir()
	// The first build takes some minutes: everything depends on the package time.
	c := &steppedClock{t: t, file: filepath.Join(dir, "seconds")}
	c.set(0)
	t.Setenv(clockVariable, c.file)
	root, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	source, err := os.ReadFile(original)
	require.NoError(t, err)
	const now = "\nfunc Now() Time {"
	require.Equal(t, 1, strings.Count(string(source), now))
	content := strings.Replace(string(source), "\t\"math/bits\"\n", "\t\"math/bits\"\n\t\"syscall\"\n", 1)
	content = strings.Replace(content, now, steppedNow, 1)
	patched := filepath.Join(dir, "time.go")
	require.NoError(t, os.WriteFile(patched, []byte(content), 0o600))
	overlay := filepath.Join(dir, "overlay.json")
	raw, err := json.Marshal(map[string]map[string]string{"Replace": {original: patched}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, raw, 0o600))

	gateway, backend := gatewayBinary, backendBinary
	t.Cleanup(func() { gatewayBinary, backendBinary = gateway, backend })
	gatewayBinary, backendBinary = filepath.Join(dir, "botgate"), filepath.Join(dir, "botgate-backend")
	for binary, pkg := range map[string]string{gatewayBinary: "../cmd/botgate", backendBinary: "../cmd/botgate-backend"} {
		out, err := exec.Command("go", "build", "-overlay", overlay, "-tags", "nobadger,nomysql,nopgx", "-o", binary, pkg).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return c
}

// set makes the clock wrong by so much.
func (c *steppedClock) set(by time.Duration) {
	c.t.Helper()
	next := c.file + ".next"
	require.NoError(c.t, os.WriteFile(next, []byte(strconv.Itoa(int(by.Seconds()))), 0o600))
	require.NoError(c.t, os.Rename(next, c.file))
}

// TestChaosClockStep sets the clock of every process of Botgate back and forth under load.
func TestChaosClockStep(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	clock := newSteppedClock(t)
	forEachEngine(t, func(t *testing.T, s *stack) {
		c := &chaos{stack: s, t: t, load: startChaosLoad(s)}
		before := time.Duration(0)
		for _, by := range []time.Duration{-time.Hour, 0, 20 * time.Minute, 0, -24 * time.Hour, 7 * 24 * time.Hour, 0} {
			c.suffer(fault{
				name: "clock off by " + by.String(), end: func() {}, holds: 5 * time.Second,
				// What is signed before the step may come after it, and an event that old would be given up.
				begin: func() { s.bot.useClocks(before, by); clock.set(by) },
			})
			before = by
		}
		c.requireAll()
	})
}

// TestChaosAlertsClock sets the clock of a gateway, and that of dispatch: events look old, and the bot takes no signature
// of another time than its own.
func TestChaosAlertsClock(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	right := newSteppedClock(t)
	gateway, dispatch := right.another("gateway"), right.another("dispatch")
	c := &chaos{stack: newStack(t), t: t}
	c.useServices(testsvc.RabbitMQHost(t))
	c.startBackends()
	c.startBy(gateway, c.startGateway)
	c.backends[2].kill()
	c.startBy(dispatch, c.reviveDispatch)
	c.load = newChaosLoad(c.stack)
	c.load.add(c.stack, "demo", 4)
	w := c.watch(4, c.scraped)
	w.requireAlerts([]fault{
		{
			name:  "clock of a gateway two minutes behind",
			begin: func() { gateway.set(-2 * time.Minute) }, end: func() { gateway.set(0) },
		},
		{
			name:  "clock of dispatch ten minutes ahead",
			begin: func() { dispatch.set(10 * time.Minute) }, end: func() { dispatch.set(0) },
		},
	})
	c.requireAll()
}

// another is a right clock for processes that are started by it, see [chaos.startBy].
func (c *steppedClock) another(name string) *steppedClock {
	other := &steppedClock{t: c.t, file: c.file + "." + name}
	other.set(0)
	return other
}

// startBy starts a process that goes by a clock of its own.
func (c *chaos) startBy(clock *steppedClock, start func()) {
	env := c.env
	c.env = append(slices.Clone(env), clockVariable+"="+clock.file)
	start()
	c.env = env
}
