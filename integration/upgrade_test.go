package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// upgradeVariable names the release that is upgraded from, as git knows it; `make upgrade-test` sets it.
const upgradeVariable = "BOTGATE_UPGRADE_FROM"

// release is what one version of Botgate is made of.
type release struct{ gateway, backend, caddyfile string }

// use has what is started from now on be of the release.
func (r release) use(stacks ...*stack) {
	gatewayBinary, backendBinary = r.gateway, r.backend
	for _, s := range stacks {
		s.config = r.caddyfile
	}
}

// bothReleases builds the one that is upgraded from; the other one is that under test.
func bothReleases(t *testing.T) (from, to release) {
	t.Helper()
	ref := os.Getenv(upgradeVariable)
	if ref == "" {
		t.Skip("part of make upgrade-test")
	}
	caddyfile, err := filepath.Abs("../Caddyfile")
	require.NoError(t, err)
	to = release{gatewayBinary, backendBinary, caddyfile}
	t.Cleanup(func() { to.use() })
	dir := t.TempDir()
	_, stderr, code := run(t, "..", []string{"REF=" + ref, "DIR=" + dir}, "", "sh", "-c", `git archive "$REF" | tar -x -C "$DIR"`)
	require.Zero(t, code, stderr)
	from = release{filepath.Join(dir, "bin", "botgate"), filepath.Join(dir, "bin", "botgate-backend"), filepath.Join(dir, "Caddyfile")}
	for _, name := range []string{"botgate", "botgate-backend"} {
		build := exec.Command("go", "build", "-race", "-tags", "nobadger,nomysql,nopgx", "-o", filepath.Join("bin", name), "./cmd/"+name)
		build.Dir, build.Stderr = dir, os.Stderr
		require.NoError(t, build.Run(), "building %s of %s", name, ref)
	}
	return from, to
}

// mixed is how much is accepted while two releases run side by side.
const mixed = 100

// TestUpgradeServices upgrades everything under load, one process after the other, and rolls all of it back: both
// releases work beside each other on one queue, and on the schema of the newer one, and each does jobs that the other
// one's API took.
func TestUpgradeServices(t *testing.T) {
	from, to := bothReleases(t)
	s := newStackWithFiles(t)
	from.use(s)
	s.startServices()
	s.backends = append(s.backends, s.backend("jobs"))
	second := s.secondGateway()
	load := startChaosLoad(s)
	load.add(second, "demo", chaosSenders/8)
	load.progress(t, mixed)

	to.use(s, second)
	t.Logf("plan: %s", s.backendCommand("migrate", "plan"))
	s.backendCommand("migrate")
	load.progress(t, mixed)
	for _, i := range []int{1, 2, 3, 0} {
		s.replaceBackend(i)
		load.progress(t, mixed)
		s.requireExport(second)
	}
	for _, gateway := range []*stack{s, second} {
		gateway.replaceGateway()
		load.progress(t, mixed)
	}

	from.use(s, second)
	for _, gateway := range []*stack{s, second} {
		gateway.replaceGateway()
		load.progress(t, mixed)
	}
	for _, i := range []int{0, 3, 2, 1} {
		s.replaceBackend(i)
		load.progress(t, mixed)
		s.requireExport(second)
	}
	load.requireSound(t)
}

// TestUpgradeFiles upgrades one process with files under load, and rolls it back.
func TestUpgradeFiles(t *testing.T) {
	from, to := bothReleases(t)
	s := newStack(t)
	from.use(s)
	s.startGateway()
	load := startChaosLoad(s)
	load.progress(t, mixed)
	for _, r := range []release{to, from, to} {
		r.use(s)
		s.replaceGateway()
		load.progress(t, mixed)
	}
	load.requireSound(t)
}

// replaceGateway stops the gateway and starts it anew.
func (s *stack) replaceGateway() {
	s.t.Helper()
	require.Zero(s.t, s.gateway.stop())
	s.startGateway()
}

// replaceBackend starts another process with the roles of the i-th before that one stops; api, the first, has an address
// of its own and stops before.
func (s *stack) replaceBackend(i int) {
	s.t.Helper()
	old := s.backends[i]
	if i == 0 {
		require.Zero(s.t, old.stop())
		s.backends[i] = start(s.t, s.dir, s.env, backendBinary, "--roles", "api")
		s.waitReady(s.api, s.backends[i])
		return
	}
	s.backends[i] = s.backend([]string{"api", "record", "dispatch", "jobs"}[i])
	s.waitReady(s.backends[i].base, s.backends[i])
	require.Zero(s.t, old.stop())
}

// requireExport has a user's events exported, of which the load has sent some through a gateway.
func (s *stack) requireExport(gateway *stack) {
	s.t.Helper()
	user := chaosUser("demo", gateway, 0, 0)
	asked := s.export(fmt.Sprintf(`{"kind":"export","filter":{"user":%q}}`, user))
	done := s.awaitJob(asked.ID, func(j jobShown) bool { return j.Status == "done" })
	require.Positive(s.t, done.Done)
}

// requireSound ends the load, and finds each accepted event once in the database, at the bot, and in order.
func (l *chaosLoad) requireSound(t *testing.T) {
	t.Helper()
	l.stop()
	result := l.settle(t, 2*time.Minute)
	t.Logf("accepted %d: %+v", len(l.accepted), result)
	require.Equal(t, chaosResult{stored: len(l.accepted)}, result)
}
