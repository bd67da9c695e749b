package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
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
