package bots

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

const (
	// maxForwardHeaders bounds the names, and maxHeaderName the bytes of each.
	maxForwardHeaders = 8
	maxHeaderName     = 64
)

// ownHeaders are those of a delivery that are Botgate's, or that are about one connection only.
var ownHeaders = []string{
	"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "Host", "Keep-Alive", "Te", "Traceparent",
	"Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "X-Request-Id",
}

// ownPrefixes are what the names of more of them begin with.
var ownPrefixes = []string{"Botgate-", "Ce-", "Proxy-", "Webhook-"}

// forwardHeaders reads the names of headers, and returns them in the form of [http.CanonicalHeaderKey].
func forwardHeaders(names []string) ([]string, error) {
	if len(names) > maxForwardHeaders {
		return nil, fmt.Errorf("forward_headers: at most %d", maxForwardHeaders)
	}
	var canonical []string
	for _, text := range names {
		if len(text) > maxHeaderName || !httpguts.ValidHeaderFieldName(text) {
			return nil, fmt.Errorf("forward_headers: %q is not the name of a header, of at most %d bytes", text, maxHeaderName)
		}
		name := http.CanonicalHeaderKey(text)
		own := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		if slices.Contains(ownHeaders, name) || slices.ContainsFunc(ownPrefixes, own) {
			return nil, fmt.Errorf("forward_headers: %s is a header that Botgate itself sets", name)
		}
		if slices.Contains(canonical, name) {
			return nil, fmt.Errorf("forward_headers: %s is there twice", name)
		}
		canonical = append(canonical, name)
	}
	return canonical, nil
}
