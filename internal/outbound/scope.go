package outbound

import "net/netip"

// Scope is how far inside an address is; the greater, the less of the world can reach it.
type Scope int

// The scopes.
const (
	// Public can be reached from everywhere.
	Public Scope = iota
	// Private is in somebody's own network (RFC 1918, RFC 4193), or a provider's (RFC 6598).
	Private
	// Loopback is this machine itself.
	Loopback
	// LinkLocal is one network segment (RFC 3927). Clouds have their metadata there, with credentials.
	LinkLocal
	// Reserved is no address of a single host, such as those of multicast.
	Reserved
)

// String returns the scope as a word.
func (s Scope) String() string {
	return [...]string{"public", "private", "loopback", "link-local", "reserved"}[s]
}

// network is one with the scope of what is in it.
type network struct {
	netip.Prefix
	scope Scope
}

// networks are those that are not public, from the registries of special-purpose addresses
// (https://www.iana.org/assignments/iana-ipv4-special-registry, and -ipv6-).
var networks = []network{
	{netip.MustParsePrefix("0.0.0.0/8"), Loopback}, // "This network": a connection to it ends here.
	{netip.MustParsePrefix("10.0.0.0/8"), Private},
	{netip.MustParsePrefix("100.64.0.0/10"), Private},
	{netip.MustParsePrefix("127.0.0.0/8"), Loopback},
	{netip.MustParsePrefix("168.63.129.16/32"), LinkLocal}, // Azure's, for its virtual machines.
	{netip.MustParsePrefix("169.254.0.0/16"), LinkLocal},
	{netip.MustParsePrefix("172.16.0.0/12"), Private},
	{netip.MustParsePrefix("192.0.0.0/24"), Private},
	{netip.MustParsePrefix("192.168.0.0/16"), Private},
	{netip.MustParsePrefix("198.18.0.0/15"), Private},
	{netip.MustParsePrefix("224.0.0.0/3"), Reserved},
	{netip.MustParsePrefix("::/127"), Loopback},
	{netip.MustParsePrefix("64:ff9b:1::/48"), Private},
	{netip.MustParsePrefix("100::/64"), Reserved},
	{netip.MustParsePrefix("2001::/23"), Reserved}, // Teredo and other ways through.
	{netip.MustParsePrefix("fc00::/7"), Private},
	{netip.MustParsePrefix("fe80::/10"), LinkLocal},
	{netip.MustParsePrefix("fec0::/10"), Private},
	{netip.MustParsePrefix("ff00::/8"), Reserved},
}

// embedding are networks of IPv6 addresses that have one of IPv4 in them, from that byte on: NAT64
// (RFC 6052), 6to4 (RFC 3056), and the "IPv4-compatible" ones (RFC 4291).
var embedding = []struct {
	netip.Prefix
	at int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
	{netip.MustParsePrefix("::/96"), 12},
}

// ScopeOf returns the scope of an address; of one that stands for an IPv4 address, the scope of that.
func ScopeOf(address netip.Addr) Scope {
	address = address.Unmap().WithZone("")
	for _, n := range networks {
		if n.Contains(address) {
			return n.scope
		}
	}
	for _, e := range embedding {
		if e.Contains(address) {
			raw := address.As16()
			return ScopeOf(netip.AddrFrom4([4]byte(raw[e.at : e.at+4])))
		}
	}
	if !address.IsValid() {
		return Reserved
	}
	return Public
}
