// Package outbound keeps connections to addresses that somebody wrote down (a bot's, a bucket's, the one that
// a provider names for its keys) away from what only this machine and its network should reach: server-side
// request forgery (CWE-918).
//
// The address is judged when it is dialed, after the name was resolved: a name that resolves to something else
// by then (DNS rebinding) gains nothing.
package outbound

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// DialTimeout bounds the dialing of one connection.
const DialTimeout = 5 * time.Second

// Allow returns an error where a connection to the address, which the host resolved to, must not be made.
type Allow func(host string, to netip.Addr) error

// PublicOnly is an [Allow] that refuses whatever is not [Public]. Its error is an [*InsideError].
func PublicOnly(_ string, to netip.Addr) error { return insideError(to.String(), ScopeOf(to)) }

// Anywhere is an [Allow] that refuses nothing.
func Anywhere(string, netip.Addr) error { return nil }

// CheckHost is PublicOnly for the host of a URL, as far as it can be told without asking anybody: for
// addresses and names of this machine.
func CheckHost(host string) error {
	if scope, ok := Literal(host); ok {
		return insideError(host, scope)
	}
	return nil
}

// Literal returns the scope of the host of a URL. It returns false for a name that has to be resolved.
func Literal(host string) (Scope, bool) {
	if name := strings.ToLower(strings.TrimSuffix(host, ".")); name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return Loopback, true
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return Public, false
	}
	return ScopeOf(address), true
}

// InsideError says that an address is not a public one.
type InsideError struct {
	Host  string
	Scope Scope
}

// Error implements error.
func (e *InsideError) Error() string { return fmt.Sprintf("%s is a %s address", e.Host, e.Scope) }

func insideError(host string, scope Scope) error {
	if scope == Public {
		return nil
	}
	return &InsideError{Host: host, Scope: scope}
}

// Guard makes a transport ask allow before each connection that it dials. A proxy that the environment names
// for the transport is dialed wherever it is; what it connects to is up to the proxy.
func Guard(t *http.Transport, allow Allow) {
	var proxies sync.Map
	if proxy := t.Proxy; proxy != nil {
		t.Proxy = func(r *http.Request) (*url.URL, error) {
			address, err := proxy(r)
			if address != nil {
				proxies.Store(address.Hostname(), true)
			}
			return address, err
		}
	}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		dialer := &net.Dialer{Timeout: DialTimeout, KeepAlive: 30 * time.Second}
		if _, ok := proxies.Load(host); !ok {
			dialer.Control = func(_, resolved string, _ syscall.RawConn) error {
				to, err := netip.ParseAddrPort(resolved)
				if err != nil {
					return err
				}
				return allow(host, to.Addr())
			}
		}
		return dialer.DialContext(ctx, network, address)
	}
}
