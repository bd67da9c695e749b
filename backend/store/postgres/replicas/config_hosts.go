package replicas

import (
	"net"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// hosts lists the addresses of a parsed URL, each once.
func hosts(c *pgconn.Config) []string {
	var found []string
	for _, f := range fallbacks(c) {
		if address := addressOf(f); !slices.Contains(found, address) {
			found = append(found, address)
		}
	}
	return found
}

// fallbacks lists what pgx tries, in order: each host, perhaps with and without TLS.
func fallbacks(c *pgconn.Config) []*pgconn.FallbackConfig {
	first := &pgconn.FallbackConfig{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}
	return append([]*pgconn.FallbackConfig{first}, c.Fallbacks...)
}

func tryInOrder(c *pgconn.Config, all []*pgconn.FallbackConfig) {
	c.Host, c.Port, c.TLSConfig, c.Fallbacks = all[0].Host, all[0].Port, all[0].TLSConfig, all[1:]
}

// keepHost removes all hosts of a URL but one.
func keepHost(c *pgconn.Config, address string) { tryInOrder(c, ofHost(c, address, true)) }

// hostFirst moves one host of a URL to the front.
func hostFirst(c *pgconn.Config, address string) {
	tryInOrder(c, append(ofHost(c, address, true), ofHost(c, address, false)...))
}

// ofHost lists the fallbacks of one host, or those of all others.
func ofHost(c *pgconn.Config, address string, same bool) []*pgconn.FallbackConfig {
	other := func(f *pgconn.FallbackConfig) bool { return (addressOf(f) == address) != same }
	return slices.DeleteFunc(fallbacks(c), other)
}

func addressOf(f *pgconn.FallbackConfig) string {
	return net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port)))
}
