package platform

import (
	"net/url"
	"strings"
)

// address is the option with the public address of the gateway, up to where the path of a request
// begins. It is nil where a request has the right one by itself.
func (o *options) address(name string) *url.URL {
	raw := o.text(name, "")
	if raw == "" {
		return nil
	}
	base, err := url.Parse(strings.TrimSuffix(raw, "/"))
	if err != nil || base.Host == "" || base.RawQuery != "" || base.Fragment != "" ||
		base.Scheme != "https" && base.Scheme != "http" {
		o.fail("option %s: it must be the public scheme and host, such as https://bots.example.com,"+
			" with the path that a proxy takes away, if one does", name)
	}
	return base
}

// publicURL is the address that the sender called: behind a proxy only the base knows the first part of it.
func publicURL(base *url.URL, called string) string {
	if base == nil {
		return called
	}
	return base.String() + requestURI(called)
}

// requestURI is the path and the query of an absolute address, byte for byte.
func requestURI(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	switch at := strings.IndexAny(rest, "/?"); {
	case at < 0:
		return "/"
	case rest[at] == '?':
		return "/" + rest[at:]
	default:
		return rest[at:]
	}
}
