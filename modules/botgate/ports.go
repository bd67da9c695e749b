package botgate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/listening"
	"github.com/botgate/botgate/internal/retry"
	"github.com/botgate/botgate/modules/internal/pooled"
)

// The variables of the shipped Caddyfile that addresses are from.
const (
	envSites       = "BOTGATE_HTTP_PORT or " + envMetricsPort
	envAdmin       = "BOTGATE_ADMIN"
	envMetricsBind = "BOTGATE_METRICS_BIND"
	envMetricsPort = "BOTGATE_METRICS_PORT"
)

const (
	// startTimeout bounds the wait for another process that starts on the same address right now.
	startTimeout = 5 * time.Second
	startRetry   = 20 * time.Millisecond
	// startLock begins the names of what lockStart holds.
	startLock = "@botgate-start-"
)

// claims are the addresses that the configurations of this process listen on. Caddy lets sockets share
// ports, for the sake of reloads; so other processes would share them without a word, and answer
// requests by chance.
var claims = pooled.New[string, *claim]()

type claim struct {
	socket listening.Socket
	option string
	lock   io.Closer // Nil where there is none.
}

// Close implements [io.Closer].
func (c *claim) Close() error {
	if c.lock == nil {
		return nil
	}
	return c.lock.Close()
}

// Claim has an address for this process alone until Cleanup, before it is listened on: that another
// process listens there is an error that names the option, unless this one is to take over from it. An
// address that a configuration of this process has already is looked at no more.
func (a *App) Claim(address, option string) error {
	socket, err := resolve(address)
	if err != nil {
		return fmt.Errorf("%s: %w", option, err)
	}
	return a.claim(socket, option)
}

func (a *App) claim(socket listening.Socket, option string) error {
	if other := overlapping(socket, option); other != nil {
		return fmt.Errorf("%s and %s are both %s: they need an address each", other.option, option, socket)
	}
	key := socket.String()
	if _, err := claims.Acquire(key, func() (*claim, error) { return a.newClaim(socket, option) }); err != nil {
		return err
	}
	a.claims = append(a.claims, func() error { return claims.Release(key) })
	return nil
}

// overlapping returns what this process listens on by another option, and would share connections with.
func overlapping(socket listening.Socket, option string) (other *claim) {
	claims.Each(func(c *claim) {
		if c.option != option && c.socket.Overlaps(socket) {
			other = c
		}
	})
	return other
}

func (a *App) newClaim(socket listening.Socket, option string) (*claim, error) {
	made := &claim{socket: socket, option: option}
	if a.Handover {
		return made, nil
	}
	if err := unused(socket, option); err != nil {
		return nil, err
	}
	var err error
	made.lock, err = lockStart(socket, option)
	return made, err
}

// unused returns an error when another process listens at an address.
func unused(wanted listening.Socket, option string) error {
	sockets, err := listening.Sockets()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(sockets, func(s listening.Socket) bool { return !s.Own && s.Overlaps(wanted) }) {
		return nil
	}
	return fmt.Errorf("%s: address already in use by another process: stop it, or set %s; to take over from it, "+
		"start with BOTGATE_HANDOVER=1", wanted, option)
}

// lockStart keeps processes apart that start at the same moment, when none of them listens yet. The lock is
// a socket of Linux' abstract names, which are as wide as ports and end with their process. Whoever
// holds it without listening in time, for whatever reason, does not keep this process from starting.
func lockStart(socket listening.Socket, option string) (io.Closer, error) {
	if runtime.GOOS != "linux" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	lock, err := (&net.ListenConfig{}).Listen(ctx, "unix", startLock+socket.String())
	if err == nil {
		return lock, nil
	}
	for retry.Sleep(ctx, startRetry) {
		if err := unused(socket, option); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// claimAll claims what this configuration listens on: the addresses of its sites, and what else this
// process listens on by now, which is the admin endpoint's. It is too late then for not listening there,
// but not for ending.
func (a *App) claimAll(ctx caddy.Context) error {
	sites, err := sites(ctx)
	if err != nil {
		return err
	}
	for _, site := range sites {
		if err := a.claim(site, envSites); err != nil {
			return err
		}
	}
	all, err := listening.Sockets()
	if err != nil {
		return err
	}
	for _, socket := range all {
		if !socket.Own || strings.HasPrefix(socket.Path, startLock) || claimedElse(socket) {
			continue
		}
		if err := a.claim(socket, envAdmin); err != nil {
			return err
		}
	}
	return nil
}

// claimedElse reports whether the address is claimed by another option than the admin endpoint's, which each
// configuration claims anew.
func claimedElse(socket listening.Socket) (found bool) {
	claims.Each(func(c *claim) { found = found || c.option != envAdmin && c.socket.String() == socket.String() })
	return found
}

// sites are the addresses of the configuration's HTTP servers, none of which two of them have.
func sites(ctx caddy.Context) (sockets []listening.Socket, err error) {
	app, err := ctx.AppIfConfigured("http")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, server := range app.(*caddyhttp.App).Servers {
		var own []listening.Socket
		for _, listen := range server.Listen {
			found, err := expand(listen)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", envSites, err)
			}
			own = append(own, found...)
		}
		for _, socket := range own {
			if slices.Contains(sockets, socket) {
				return nil, fmt.Errorf("two sites are on %s: set %s, so that each has a port", socket, envSites)
			}
		}
		sockets = append(sockets, own...)
	}
	return sockets, nil
}

// verifyBind refuses ports in the addresses of the site for metrics: Caddy's bind leaves them out without a word.
func verifyBind() error {
	for address := range strings.FieldsSeq(os.Getenv(envMetricsBind)) {
		_, host, port, err := caddy.SplitNetworkAddress(address)
		if err == nil && port != "" {
			return fmt.Errorf("%s: %s has a port: write %s there, and %s=%s", envMetricsBind, address, host, envMetricsPort, port)
		}
	}
	return nil
}

// expand returns the sockets of an address of Caddy; none where the port is free to choose, or of networks
// that are neither TCP nor of the file system.
func expand(listen string) (sockets []listening.Socket, err error) {
	parsed, err := caddy.ParseNetworkAddress(listen)
	if err != nil {
		return nil, err
	}
	if parsed.IsUnixNetwork() {
		return []listening.Socket{{Path: parsed.Host}}, nil
	}
	if parsed.Network != "tcp" && parsed.Network != "tcp4" && parsed.Network != "tcp6" {
		return nil, nil
	}
	for port := parsed.StartPort; port <= parsed.EndPort; port++ {
		if port == 0 {
			continue
		}
		socket, err := resolve(net.JoinHostPort(parsed.Host, strconv.FormatUint(uint64(port), 10)))
		if err != nil {
			return nil, err
		}
		sockets = append(sockets, socket)
	}
	return sockets, nil
}

// resolve finds the address that Go listens on: of a name the first one, and of all addresses those of
// IPv6, where there are any.
func resolve(address string) (listening.Socket, error) {
	found, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return listening.Socket{}, err
	}
	if found.IP == nil || found.IP.IsUnspecified() {
		found.IP = net.IPv6unspecified
	}
	port := found.AddrPort()
	return listening.Socket{Address: netip.AddrPortFrom(port.Addr().Unmap(), port.Port())}, nil
}
