package embedded

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"

	"github.com/botgate/botgate/backend/config"
)

// APIAddress returns the address to dial for the API of this process, or for the one of a
// botgate-backend in its place. It warns, once, where upstreams are configured that can't be meant
// beside it, or nobody would answer.
func (b *Backend) APIAddress(upstreams []string) string {
	own := dialable(b.settings.Listen)
	if !b.off() {
		b.warned.Do(func() { b.warnOfUpstreams(own, upstreams) })
	}
	return own
}

func (b *Backend) warnOfUpstreams(own string, upstreams []string) {
	attrs := []any{slog.String("listens", own), slog.Any("upstreams", upstreams)}
	serves := b.settings.Has(config.API)
	named := len(upstreams) == 0 || slices.ContainsFunc(upstreams, func(u string) bool { return dialable(u) == own })
	switch {
	case named && !serves:
		b.logger.Warn("the API's upstream is this process, whose roles have no api: "+
			"set BOTGATE_API_UPSTREAM, or add api to BOTGATE_ROLES", attrs...)
	case !named && serves && slices.ContainsFunc(upstreams, local):
		b.logger.Warn("the API's upstream is another address of this machine than the one this process answers on: "+
			"leave BOTGATE_API_UPSTREAM out, or have it and BOTGATE_API_LISTEN agree", attrs...)
	}
}

// dialable is where a connection to an address goes: one that listens on all addresses does so on
// loopback, too.
func dialable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	switch ip, _ := netip.ParseAddr(host); {
	case host == "", host == "localhost", ip.IsUnspecified() && ip.Is4():
		host = "127.0.0.1"
	case ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

// local reports whether an upstream is on this machine for sure: on loopback, or a socket.
func local(upstream string) bool {
	host, _, err := net.SplitHostPort(dialable(upstream))
	ip, _ := netip.ParseAddr(host)
	return err != nil || ip.IsLoopback()
}
