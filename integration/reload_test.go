package integration

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// endless is more than a load gets accepted before it is stopped.
const endless = 1_000_000

// reloadCount is how often TestReload reloads. With the embedded engines each one starts a
// backend, too.
func (s *stack) reloadCount() int {
	switch {
	case !chaosWanted():
		return 10
	case s.embedded():
		return 30
	}
	return 100
}

// TestReload reloads the configuration under load and finds that no request was refused,
// and that neither connections nor goroutines nor open files have grown.
func TestReload(t *testing.T) {
	forEachEngine(t, func(t *testing.T, s *stack) {
		// The first load fills the pools, which is no leak.
		warm := startLoad(s, 1_500)
		reload(t, s)
		<-warm.done
		require.NoError(t, warm.err)
		httpClient.CloseIdleConnections()
		before := s.footprint()
		l := startSteadyLoad(s, endless)
		for range s.reloadCount() {
			s.reloadByAPI(t)
		}
		l.stop(t)
		l.requireNoGap(t)
		maps.Copy(l.accepted, warm.accepted) // It began with the same keys.
		l.requireAll(t)
		eventually(t, func() error {
			httpClient.CloseIdleConnections()
			after := s.footprint()
			// What a reload leaks it leaks each time; a few more are the clients' pools.
			if after.goroutines >= before.goroutines+s.reloadCount() || after.files >= before.files+s.reloadCount() {
				return fmt.Errorf("before %+v, after %+v", before, after)
			}
			return nil
		})
	})
}

// TestReplacedBinary starts a second gateway on the port of the first, under load, and
// stops the first: no request is refused, and none is lost.
func TestReplacedBinary(t *testing.T) {
	parallel(t)
	s := newStack(t)
	s.startServices()
	l := startSteadyLoad(s, endless)
	s.env = append(s.env, "BOTGATE_HANDOVER=1")
	for range 3 {
		old := s.gateway
		s.startGateway()
		const started = "serving initial configuration"
		eventually(t, func() error {
			if !strings.Contains(s.gateway.output.String(), started) {
				return errors.New("the new gateway does not serve yet")
			}
			return nil
		})
		require.Zero(t, old.stop())
	}
	l.stop(t)
	l.requireNoGap(t)
	l.requireAll(t)
}

// kernelMigratesConnections says whether connections that wait to be accepted when a reload
// closes their listener move to the new one; Linux resets them unless told to (docs/reference/botgate.md).
func kernelMigratesConnections() bool {
	setting, err := os.ReadFile("/proc/sys/net/ipv4/tcp_migrate_req")
	return err == nil && strings.TrimSpace(string(setting)) == "1"
}

// reload gives the gateway a configuration that differs a little from the last one.
func reload(t *testing.T, s *stack) {
	t.Helper()
	path := s.nextCaddyfile(t)
	_, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "reload", "--config", path, "--address", s.admin)
	require.Zero(t, code, stderr)
}

// reloadByAPI does the same through the admin endpoint, which takes less time.
func (s *stack) reloadByAPI(t *testing.T) {
	t.Helper()
	caddyfile, err := os.ReadFile(s.nextCaddyfile(t))
	require.NoError(t, err)
	a, err := send(http.MethodPost, "http://"+s.admin+"/load", http.Header{"Content-Type": {"text/caddyfile"}}, caddyfile)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
}

// nextCaddyfile is the path of one that differs from the last. A reload may take as long as its grace period, so that
// does not grow.
func (s *stack) nextCaddyfile(t *testing.T) string {
	t.Helper()
	s.reloads++
	return s.caddyfileWith(t, "grace_period 10s", fmt.Sprintf("grace_period %ds", 10+s.reloads%2))
}

// site is where routes begin in the shipped Caddyfile's site, for those that a test adds.
const site = "\t# Below /v1 a path means"

// caddyfileWith writes a copy of the shipped Caddyfile with changes, pairs of old and new,
// wherever they apply, and returns its path.
func (s *stack) caddyfileWith(t *testing.T, changes ...string) string {
	t.Helper()
	caddyfile, err := os.ReadFile("../Caddyfile")
	require.NoError(t, err)
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, string(caddyfile), changes[i])
	}
	path := filepath.Join(s.dir, "Caddyfile")
	changed := strings.NewReplacer(changes...).Replace(string(caddyfile))
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))
	return path
}

// TestSlowClientDoesNotHoldUpTheStop opens a request and never ends it.
func TestSlowClientDoesNotHoldUpTheStop(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.config = s.caddyfileWith(t, "grace_period 10s", "grace_period 1s")
	s.startGateway()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /v1/bots/demo/commands HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{", s.token("alice"))
	require.NoError(t, err)
	s.gateway.stop()
	require.False(t, s.gateway.running())
}

// footprint is what a process holds.
type footprint struct{ goroutines, files int }

var goroutineLine = regexp.MustCompile(`(?m)^go_goroutines (\d+)`)

func (s *stack) footprint() footprint {
	s.t.Helper()
	a, err := send(http.MethodGet, "http://"+s.admin+"/metrics", nil, nil)
	require.NoError(s.t, err)
	match := goroutineLine.FindSubmatch(a.body)
	require.NotNil(s.t, match)
	goroutines, err := strconv.Atoi(string(match[1]))
	require.NoError(s.t, err)
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.gateway.cmd.Process.Pid))
	if os.IsNotExist(err) {
		return footprint{goroutines: goroutines}
	}
	require.NoError(s.t, err)
	return footprint{goroutines, len(files)}
}

// TestMetricsSurviveReloads finds the modules' counters on the admin endpoint.
func TestMetricsSurviveReloads(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	a, err := s.command(s.token("alice"), "", hello)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status)
	reload(t, s)
	a, err = send(http.MethodGet, "http://"+s.admin+"/metrics", nil, nil)
	require.NoError(t, err)
	for _, line := range []string{
		`botgate_enqueue_requests_total{outcome="accepted"} 1`,
		`botgate_jwt_requests_total{outcome="verified"} 1`,
	} {
		require.Contains(t, string(a.body), line)
	}
}
