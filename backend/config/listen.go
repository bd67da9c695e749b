package config

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	neturl "net/url"
	"strings"
	"time"
)

func checkListen(listen string) error {
	if _, _, err := net.SplitHostPort(listen); err != nil {
		return fmt.Errorf("%q is not an address like 127.0.0.1:8081", listen)
	}
	return nil
}

// checkDebugListen keeps profiles, which show what is in memory, from the network.
func checkDebugListen(listen string) error {
	if err := checkListen(listen); err != nil {
		return err
	}
	return must(Loopback(listen), "on loopback, such as 127.0.0.1:6060")
}

// Loopback reports whether only this machine can reach the address, host:port. Names other than localhost can be
// those of any address.
func Loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	address, _ := netip.ParseAddr(host)
	return err == nil && (strings.EqualFold(host, "localhost") || address.Unmap().IsLoopback())
}

// checkAPISecret keeps the API, which asks for no token, from whoever is in the network.
func (c Config) checkAPISecret() error {
	needed := c.Has(API) && checkListen(c.Listen) == nil && !Loopback(c.Listen)
	if c.APISecretFile != "" || !needed {
		return nil
	}
	return fmt.Errorf("must be set, here and at the gateways, since the API listens on %s, which is not loopback "+
		"(%s); botgate init makes data/api.secret", c.Listen, EnvListen)
}

// Hosts are the names of a list with commas or blanks between, in lower case.
func Hosts(list string) []string {
	return strings.FieldsFunc(strings.ToLower(list), func(r rune) bool { return r == ',' || r == ' ' })
}

func checkHosts(list string) error {
	for _, host := range Hosts(list) {
		if strings.ContainsAny(host, "/*{}$@:") {
			return fmt.Errorf("%q is not the name of a host like gateway.internal, without a port", host)
		}
	}
	return nil
}

// advertiseTimeout bounds the look at the way to Redis.
const advertiseTimeout = 2 * time.Second

// Advertised is the address at which other processes reach what listens at an address: Advertise, or that address. Where
// it listens on all of this machine's, it is the one from which Redis is asked, for that is where all of them are.
func (c Config) Advertised(ctx context.Context, listens string) string {
	host, port, err := net.SplitHostPort(listens)
	address, _ := netip.ParseAddr(host)
	switch {
	case c.Advertise != "":
		return c.Advertise
	case err != nil || host != "" && !address.IsUnspecified():
		return listens
	}
	redis, _ := neturl.Parse(c.Data.RedisURL) // It was checked.
	first, _, _ := strings.Cut(redis.Host, ",")
	if _, _, err := net.SplitHostPort(first); err != nil {
		first = net.JoinHostPort(first, "6379")
	}
	way, err := (&net.Dialer{Timeout: advertiseTimeout}).DialContext(ctx, "udp", first) // Nothing is sent.
	if err != nil {
		return net.JoinHostPort("127.0.0.1", port)
	}
	defer func() { _ = way.Close() }()
	own, _, _ := net.SplitHostPort(way.LocalAddr().String())
	return net.JoinHostPort(own, port)
}
