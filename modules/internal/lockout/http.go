package lockout

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/problem"
)

// ipv6Prefix is what one subscriber has at least: whoever has an address has all of these.
const ipv6Prefix = 64

var lockedOut = problem.New(http.StatusTooManyRequests, "locked-out", "There were too many failed attempts.")

// Problem is the answer to those who are locked out for so much longer.
func Problem(left time.Duration) *problem.Problem { return lockedOut.WithRetryAfter(left) }

// Address returns the client's address as Caddy's trusted_proxies makes it out, never from
// raw headers; of IPv6, the network of 64 bits.
func Address(r *http.Request) string {
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	address, err := netip.ParseAddr(text)
	if err != nil || address.Is4() { // An IPv4 address has one form.
		return text
	}
	return network(address)
}

// network is what one subscriber has: an address, or the network of IPv6 addresses.
func network(address netip.Addr) string {
	address = address.Unmap().WithZone("")
	if address.Is6() {
		if network, err := address.Prefix(ipv6Prefix); err == nil {
			return network.String()
		}
	}
	return address.String()
}
