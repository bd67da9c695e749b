package integration

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// smallDisk is a file system of some megabytes that only the gateway sees, as its folder "data". It has room for what a test
// leaves there, what SQLite writes ahead among it, so that only [smallDisk.fill] makes it full.
type smallDisk struct {
	t *testing.T
	p *process
	// path is the folder as this process sees it.
	path string
}

func startOnSmallDisk(t *testing.T, s *stack) *smallDisk {
	t.Helper()
	folder := filepath.Join(s.dir, "small")
	require.NoError(t, os.Mkdir(folder, 0o700))
	const mount = `mount -t tmpfs -o size=48m small small && cp -a data/. small && mount --bind small data && exec "$@"`
	s.gateway = start(t, s.dir, s.env, "unshare", "--user", "--map-root-user", "--mount",
		"sh", "-c", mount, "sh", gatewayBinary, "run", "--config", s.config)
	s.waitReady(s.base, s.gateway)
	return &smallDisk{t: t, p: s.gateway, path: filepath.Join("/proc", fmt.Sprint(s.gateway.cmd.Process.Pid), "root", folder)}
}

func (d *smallDisk) fill() {
	d.t.Helper()
	f, err := os.Create(filepath.Join(d.path, "filler"))
	require.NoError(d.t, err)
	for _, size := range []int{1 << 16, 1 << 12} {
		for block := make([]byte, size); err == nil; {
			_, err = f.Write(block)
		}
		require.ErrorContains(d.t, err, "no space left")
		err = nil
	}
	require.NoError(d.t, f.Close())
}

func (d *smallDisk) free() {
	d.t.Helper()
	require.NoError(d.t, os.Remove(filepath.Join(d.path, "filler")))
}

// copyDatabase copies the log, which nobody may write meanwhile, to where this process can open
// it: SQLite resolves the path of the other file system to one of ours.
func (d *smallDisk) copyDatabase() (path string) {
	d.t.Helper()
	path = filepath.Join(d.t.TempDir(), "events.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(filepath.Join(d.path, "events.db"+suffix))
		require.NoError(d.t, err)
		require.NoError(d.t, os.WriteFile(path+suffix, content, 0o600))
	}
	return path
}

// TestChaosFullDisk fills the disk under the spool, while the broker is there and while it is
// not, and the one under the embedded queue and log.
func TestChaosFullDisk(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	t.Run("Embedded", func(t *testing.T) {
		c := &chaos{stack: newStack(t), t: t}
		disk := startOnSmallDisk(t, c.stack)
		c.load = startChaosLoad(c.stack)
		c.fillUnder(disk, func() {}, func() { c.awaitAccepting(false) })
		c.awaitAccepting(true)
		c.requireAllOn(disk)
	})
	t.Run("Services", func(t *testing.T) {
		c := &chaos{stack: newStack(t), t: t}
		c.rabbit = testsvc.StartRabbitMQ(t)
		c.useServices(c.rabbit.URL)
		disk := startOnSmallDisk(t, c.stack)
		c.startBackends()
		c.load = startChaosLoad(c.stack)
		c.fillUnder(disk, func() {}, func() {})
		c.fillUnder(disk, c.rabbit.Kill, c.rabbit.Restart)
		c.requireAll()
	})
}

// fillUnder lets the disk be full, and something else go wrong meanwhile, which ends before.
func (c *chaos) fillUnder(disk *smallDisk, begin, end func()) {
	c.suffer(fault{
		name: "disk full", holds: 10 * time.Second,
		begin: func() { begin(); disk.fill() },
		end:   func() { end(); disk.free() },
	})
}

// awaitAccepting waits until the gateway says of its queue that it takes events, or that it takes none.
func (c *chaos) awaitAccepting(does bool) {
	c.t.Helper()
	status, up := http.StatusServiceUnavailable, 0.0
	if does {
		status, up = http.StatusOK, 1
	}
	eventually(c.t, func() error {
		a, err := send(http.MethodGet, c.base+"/readyz", nil, nil)
		if n := c.metric("botgate_queue_up"); err == nil && (a.status != status || n != up) {
			err = fmt.Errorf("readyz answers %d, and botgate_queue_up is %v", a.status, n)
		}
		return err
	})
}

// requireAllOn is requireAll where the log is on that disk.
func (c *chaos) requireAllOn(disk *smallDisk) {
	c.t.Helper()
	c.load.stop()
	c.awaitDelivered(slices.Collect(maps.Keys(c.load.accepted)))
	c.database = "sqlite:" + disk.copyDatabase()
	c.requireAll()
}

// TestChaosAlertsEmbedded fills the disk under the embedded queue and log, and has events wait for a bot that is gone.
func TestChaosAlertsEmbedded(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	withoutRaceDetector(t)
	c := &chaos{stack: newStack(t), t: t}
	other := newBot(t, filepath.Join(c.dir, "data", "demo-bot.secret"))
	c.writeBots(filepath.Join(c.dir, "data", "bots.json"), other, "gone")
	disk := startOnSmallDisk(t, c.stack)
	c.load = newChaosLoad(c.stack)
	c.load.add(c.stack, "demo", 4)
	w := c.watch(2, func() map[string][]string {
		return map[string][]string{"botgate-gateway": {c.admin}, "botgate-backend": {strings.TrimPrefix(c.api, "http://")}}
	})
	bots := filepath.Join(disk.path, "bots.json")
	w.requireAlerts([]fault{
		{name: "disk full", begin: disk.fill, end: disk.free},
		{
			name: "a bot is taken out of the bots file",
			begin: func() {
				other.failWith(func(delivered) int { return http.StatusServiceUnavailable })
				c.send("gone", 3)
				c.writeBots(bots, nil)
			},
			end: func() { other.failWith(nil); c.writeBots(bots, other, "gone") },
		},
	})
	c.requireAllOn(disk)
}
