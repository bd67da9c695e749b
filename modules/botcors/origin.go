package botcors

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// checkOrigin reports what is not an origin, and a "*" under which anybody can have a page.
func checkOrigin(origin string) error {
	if origin == "*" {
		return nil
	}
	plain := strings.Replace(origin, "*", "x", 1)
	parsed, err := url.Parse(plain)
	if err != nil || (parsed.Scheme != "https" && parsed.Scheme != "http") || parsed.Hostname() == "" ||
		parsed.Scheme+"://"+parsed.Host != plain || strings.Contains(plain, "*") {
		return fmt.Errorf("%q is not an origin like https://app.example", origin)
	}
	if plain == origin {
		return nil
	}
	_, host, _ := strings.Cut(origin, "://")
	if !strings.HasPrefix(host, "*.") || host == "*." {
		return fmt.Errorf("%q: a * stands for the whole first part of a name, as in https://*.app.example, "+
			"or alone for every origin", origin)
	}
	if domain := strings.TrimPrefix(parsed.Hostname(), "x."); anybodys(domain) {
		return fmt.Errorf("%q: anybody can have a page under %s; name the domain that is yours, as in "+
			"https://*.app.example", origin, domain)
	}
	return nil
}

// anybodys reports whether names below the domain are given to anybody: below a public suffix, such as
// com, co.uk or github.io (https://publicsuffix.org), and among addresses. Names below localhost are
// this machine's.
func anybodys(domain string) bool {
	domain = strings.ToLower(strings.TrimRight(domain, "."))
	if domain == "localhost" {
		return false
	}
	if _, err := netip.ParseAddr("1." + domain); err == nil {
		return true
	}
	suffix, _ := publicsuffix.PublicSuffix(domain)
	return suffix == domain
}
