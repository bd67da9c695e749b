package integration

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// elsewhere is the environment of a second gateway, in a folder of its own, at other addresses but for
// what is the same.
func (s *stack) elsewhere(same string) *stack {
	s.t.Helper()
	second := newStack(s.t)
	value := func(env []string, name string) string {
		i := slices.IndexFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		return env[i]
	}
	second.env = append(second.env, value(s.env, same))
	return second
}

// TestTwoGatewaysOnOneAddress is an error that names the address and the option, whichever address it is.
func TestTwoGatewaysOnOneAddress(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startGateway()
	for _, option := range []string{"BOTGATE_HTTP_PORT", "BOTGATE_ADMIN", "BOTGATE_API_LISTEN"} {
		second := s.elsewhere(option)
		address := second.env[len(second.env)-1]
		port := address[strings.LastIndexAny(address, ":=")+1:]
		for _, command := range []string{"run", "start"} {
			_, stderr, code := run(t, second.dir, second.env, "", gatewayBinary, command, "--config", second.config)
			require.NotZero(t, code, "%s %s", command, option)
			require.Contains(t, stderr, "already in use")
			require.Contains(t, stderr, ":"+port)
			require.Contains(t, stderr, option)
		}
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.api, "http://"))
	require.NoError(t, err)
	second := newStack(t)
	second.env = append(second.env, "BOTGATE_API_LISTEN=:"+port, "BOTGATE_API_SECRET_FILE="+filepath.Join(second.dir, "data", "api.secret"))
	_, stderr, code := run(t, second.dir, second.env, "", gatewayBinary, "run", "--config", second.config)
	require.NotZero(t, code, "all addresses are this one, too")
	require.Contains(t, stderr, "BOTGATE_API_LISTEN")
	s.waitReady(s.base, s.gateway)
	reload(t, s)
	reload(t, s)
	locks, err := os.ReadFile("/proc/net/unix")
	require.NoError(t, err)
	require.NotContains(t, string(locks), "@botgate-start-@", "a lock is no address to lock")
	require.Contains(t, string(locks), "@botgate-start-"+s.admin)
}

// TestQuickstartsOnOnePort prints one line.
func TestQuickstartsOnOnePort(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startGateway()
	second := s.elsewhere("BOTGATE_HTTP_PORT")
	caddyfile, err := os.ReadFile(second.config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(second.dir, "Caddyfile"), caddyfile, 0o600))
	second.env = append(second.env, "HOME="+second.dir)
	_, stderr, code := run(t, second.dir, second.env, "", gatewayBinary, "quickstart", "--bot-listen", testsvc.FreeAddresses(t, 1)[0])
	require.NotZero(t, code)
	require.Contains(t, stderr, "BOTGATE_HTTP_PORT")
	require.Len(t, strings.Split(strings.TrimSpace(stderr), "\n"), 1, "one line: %s", stderr)
}

// TestOneOfTwoThatStartAtOnceStarts has both begin when neither listens yet.
func TestOneOfTwoThatStartAtOnceStarts(t *testing.T) {
	t.Parallel()
	first := newStack(t)
	second := first.elsewhere("BOTGATE_HTTP_PORT")
	var both sync.WaitGroup
	for _, s := range []*stack{first, second} {
		both.Go(s.reviveGateway)
	}
	both.Wait()
	loser, winner := first, second
	eventually(t, func() error {
		if loser.gateway.running() {
			loser, winner = winner, loser
		}
		if loser.gateway.running() {
			return os.ErrProcessDone
		}
		return nil
	})
	require.Contains(t, loser.gateway.output.String(), "BOTGATE_HTTP_PORT")
	winner.base = first.base
	winner.waitReady(first.base, winner.gateway)
}

// TestHandover starts a gateway beside the one whose work it takes over, while clients send.
func TestHandover(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startGateway()
	old := s.gateway
	s.env = append(s.env, "BOTGATE_HANDOVER=1")
	s.startGateway()
	eventually(t, func() error {
		if !strings.Contains(s.gateway.output.String(), "serving initial configuration") {
			return os.ErrDeadlineExceeded
		}
		return nil
	})
	require.Zero(t, old.stop())
	s.waitReady(s.base, s.gateway)
	a, err := s.command(s.token("alice"), "", hello)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status)
	s.env = append(s.env, "BOTGATE_HANDOVER=off")
	_, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "run", "--config", s.config)
	require.NotZero(t, code, "the next one is none")
	require.Contains(t, stderr, "BOTGATE_HANDOVER")
}
