package platform

import (
	"cmp"
	"iter"
	"net"
	"net/url"
	"slices"
	"strings"
)

// twilioSpellings yields the spellings of an address that its signer may have had, each once and the likely
// ones first. The base is the address before the request's path; nil takes the request's own.
func twilioSpellings(address, base *url.URL) iter.Seq[string] {
	start, prefix := address, ""
	if base != nil {
		start, prefix = base, strings.TrimSuffix(base.EscapedPath(), "/")
	}
	path, query, _ := strings.Cut(address.RequestURI(), "?")
	queries := twilioQueries(query)
	return func(yield func(string) bool) {
		for _, host := range twilioHosts(start) {
			for _, query := range queries {
				spelling := start.Scheme + "://" + twilioUser(start) + host + prefix + path
				if query != "" {
					spelling += "?" + query
				}
				if !yield(spelling) {
					return
				}
			}
		}
	}
}

// twilioHosts are the host with its port as it came, without one, and with one.
func twilioHosts(address *url.URL) []string {
	host, port := address.Hostname(), "443"
	if address.Scheme == "http" {
		port = "80"
	}
	full := net.JoinHostPort(host, cmp.Or(address.Port(), port))
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return slices.Compact([]string{address.Host, host, full})
}

func twilioUser(address *url.URL) string {
	if address.User == nil {
		return ""
	}
	return address.User.String() + "@"
}

// twilioQueries are the query as it came and as Twilio may have had it before it was sent: its servers
// sign some characters as they are, and send them escaped, or the other way
// (https://github.com/twilio/twilio-node/pull/621, https://github.com/twilio/twilio-node/issues/1059).
func twilioQueries(query string) []string {
	queries := []string{query}
	for _, spelling := range twilioCharacters {
		if other := spelling.Replace(query); !slices.Contains(queries, other) {
			queries = append(queries, other)
		}
	}
	return queries
}

var twilioCharacters = []*strings.Replacer{
	strings.NewReplacer("%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%21", "!"),
	strings.NewReplacer("%40", "@", "%3A", ":", "%3a", ":"),
	strings.NewReplacer("%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%21", "!", "%40", "@", "%3A", ":"),
	strings.NewReplacer("%27", "'"),
	strings.NewReplacer("'", "%27"),
	strings.NewReplacer("'", "%27", "(", "%28", ")", "%29", "*", "%2A", "!", "%21"),
	strings.NewReplacer("@", "%40", ":", "%3A"),
	strings.NewReplacer("'", "%27", "(", "%28", ")", "%29", "*", "%2A", "!", "%21", "@", "%40", ":", "%3A"),
}
