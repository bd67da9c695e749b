package integration

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// TestFailureBehindTheGatewayIsLogged asks for events while nothing answers as the API.
func TestFailureBehindTheGatewayIsLogged(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_ROLES=none")
	s.startGateway()
	a, err := send(http.MethodGet, s.base+"/v1/events?access_token=private", bearer(s.token("alice")), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadGateway, a.status)
	eventually(t, func() error {
		for line := range strings.Lines(s.gateway.output.String()) {
			if strings.Contains(line, "bot_log_errors") {
				require.Contains(t, line, `"level":"warn"`)
				require.Contains(t, line, `"status":502`)
				require.Contains(t, line, s.api[len("http://"):])
				require.NotContains(t, line, "private")
				return nil
			}
		}
		return fmt.Errorf("no line about it: %s", tail(s.gateway.output.String(), 2000))
	})
}

// apiBehind prepares a gateway that records, and a process with the API at each of the addresses.
func apiBehind(t *testing.T, addresses ...string) (s *stack, revive func(address string) *process) {
	t.Helper()
	s = newStack(t)
	s.env = append(s.env, "BOTGATE_ROLES=record", "BOTGATE_API_UPSTREAM="+strings.Join(addresses, " "))
	// A start may take its time on a busy machine.
	s.config = s.caddyfileWith(t, "header_up Host {upstream_hostport}", "header_up Host {upstream_hostport}\n\t\tlb_try_duration 1m")
	s.startGateway()
	return s, func(address string) *process {
		t.Helper()
		p := start(t, s.dir, s.env, backendBinary, "--roles", "api", "--listen", address)
		s.waitReady("http://"+address, p)
		return p
	}
}

// readUntil reads events, two requests at a time, until done is closed, and returns the answers that are not 200. Each
// request is another user's, so that none meets a limit.
func readUntil(s *stack, done <-chan struct{}) <-chan []string {
	failed := make(chan []string, 1)
	var users atomic.Int64
	read := func() (wrong []string) {
		for {
			select {
			case <-done:
				return wrong
			default:
			}
			header := bearer(s.token(fmt.Sprint("user-", users.Add(1))))
			a, err := send(http.MethodGet, s.base+"/v1/events", header, nil)
			if err != nil || a.status != http.StatusOK {
				wrong = append(wrong, fmt.Sprintf("%d %v %s", a.status, err, a.body))
			}
		}
	}
	go func() {
		other := make(chan []string)
		go func() { other <- read() }()
		failed <- append(read(), <-other...)
	}()
	return failed
}

// TestReadsGoOnWhileOneOfTwoAPIsRestarts kills and stops one of two, and starts it again.
func TestReadsGoOnWhileOneOfTwoAPIsRestarts(t *testing.T) {
	t.Parallel()
	addresses := testsvc.FreeAddresses(t, 2)
	s, revive := apiBehind(t, addresses...)
	first := revive(addresses[0])
	revive(addresses[1])
	done := make(chan struct{})
	failed := readUntil(s, done)
	first.kill()
	first = revive(addresses[0])
	first.stop()
	revive(addresses[0])
	close(done)
	require.Empty(t, <-failed)
}

// TestHealthOfAPIsBeyondLoopback has one API listen on all addresses, where it asks for the secret, and one on another
// loopback address. The gateway's health checks find both, once they run, and none before.
func TestHealthOfAPIsBeyondLoopback(t *testing.T) {
	t.Parallel()
	ports := testsvc.FreeAddresses(t, 2)
	everywhere, other := ports[0], strings.Replace(ports[1], "127.0.0.1", "127.0.0.2", 1)
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_ROLES=record", "BOTGATE_API_UPSTREAM="+everywhere+" "+other,
		"BOTGATE_API_SECRET_FILE=data/api.secret", "BOTGATE_API_HOSTS=api.internal")
	s.config = s.caddyfileWith(t, "header_up Host {upstream_hostport}",
		"header_up Host {upstream_hostport}\n\t\thealth_interval 100ms\n\t\thealth_fails 1\n\t\thealth_uri /healthz")
	s.startGateway()
	listen := map[string]string{everywhere: strings.Replace(everywhere, "127.0.0.1", "0.0.0.0", 1), other: other}
	for address := range listen {
		s.awaitUpstream(address, 0)
	}
	for address, on := range listen {
		s.waitReady("http://"+address, start(t, s.dir, s.env, backendBinary, "--roles", "api", "--listen", on))
	}
	for address := range listen {
		s.awaitUpstream(address, 1)
	}
	require.Equal(t, http.StatusOK, s.get(bearer(s.token("alice")), "/v1/events").status)
}

// awaitUpstream waits until the gateway's metrics have the health of an upstream.
func (s *stack) awaitUpstream(address string, healthy int) {
	s.t.Helper()
	want := fmt.Sprintf("caddy_reverse_proxy_upstreams_healthy{upstream=%q} %d", address, healthy)
	eventually(s.t, func() error {
		a, err := send(http.MethodGet, "http://"+s.admin+"/metrics", nil, nil)
		if err == nil && !strings.Contains(string(a.body), want) {
			err = fmt.Errorf("no %s", want)
		}
		return err
	})
}

// TestReadsWaitForTheOnlyAPI restarts it.
func TestReadsWaitForTheOnlyAPI(t *testing.T) {
	t.Parallel()
	address := testsvc.FreeAddresses(t, 1)[0]
	s, revive := apiBehind(t, address)
	revive(address).kill()
	read := make(chan answer)
	go func() {
		a, _ := send(http.MethodGet, s.base+"/v1/events", bearer(s.token("alice")), nil)
		read <- a
	}()
	revive(address)
	require.Equal(t, http.StatusOK, (<-read).status)
}

// TestAPIIsFoundWhereItListens sets the address of the backend in the process, and no upstream.
func TestAPIIsFoundWhereItListens(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_API_UPSTREAM=", "BOTGATE_API_LISTEN=:"+s.api[strings.LastIndex(s.api, ":")+1:],
		"BOTGATE_API_SECRET_FILE=data/api.secret")
	s.startGateway()
	a, err := send(http.MethodGet, s.base+"/v1/events", bearer(s.token("alice")), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status)
}

// TestAddressesOfTheAPIThatCannotBeMeant are refused, or the log has a warning that names the options.
func TestAddressesOfTheAPIThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  string
		want string
	}{
		"port only":          {"BOTGATE_API_UPSTREAM=8081", "BOTGATE_API_UPSTREAM"},
		"host only":          {"BOTGATE_API_UPSTREAM=127.0.0.1", "BOTGATE_API_UPSTREAM"},
		"commas":             {"BOTGATE_API_UPSTREAM=127.0.0.1:8081,127.0.0.1:8082", "BOTGATE_API_UPSTREAM"},
		"listen, port only":  {"BOTGATE_API_LISTEN=8081", "BOTGATE_API_LISTEN"},
		"listen on a socket": {"BOTGATE_API_LISTEN=unix//run/api.sock", "BOTGATE_API_LISTEN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			_, stderr, code := run(t, s.dir, append(s.env, c.env), "", gatewayBinary, "validate", "--config", s.config)
			require.NotZero(t, code)
			require.Contains(t, stderr, c.want)
		})
	}
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_API_UPSTREAM="+testsvc.FreeAddresses(t, 1)[0])
	s.startGateway()
	require.Contains(t, s.gateway.output.String(), "have it and BOTGATE_API_LISTEN agree")
}
