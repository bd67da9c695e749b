package outbound

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"sync/atomic"
)

// Beside is an [Allow] for a client of one provider. The configured host may be wherever it is. Where the provider's
// metadata sends the client to is to be no further inside, or it could have the client ask what only this machine can
// reach.
func Beside(configured string) Allow {
	// scope is that of the address to which the host resolved last.
	var scope atomic.Int32
	return func(host string, to netip.Addr) error {
		found := ScopeOf(to)
		if host == configured {
			scope.Store(int32(found)) //nolint:gosec // One of five.
			return nil
		}
		if found > Scope(scope.Load()) {
			return PublicOnly(host, to)
		}
		return nil
	}
}

// CheckEncryptedText is [CheckEncrypted] for the text of an address, which is not repeated where it is none.
func CheckEncryptedText(text string) error {
	address, err := url.Parse(text)
	if err != nil {
		return errors.New("it is not an address")
	}
	return CheckEncrypted(address)
}

// CheckEncrypted lets addresses be https, and http on loopback.
func CheckEncrypted(address *url.URL) error {
	scope, ok := Literal(address.Hostname())
	switch {
	case address.Hostname() == "":
	case address.Scheme == "https":
		return nil
	case address.Scheme == "http" && ok && scope == Loopback:
		return nil
	}
	return fmt.Errorf("%q is not an https address; plain http is for loopback only", address.Redacted())
}
