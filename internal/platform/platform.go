// Package platform knows how each platform signs its webhooks and what their fields
// mean. Everything here is a pure function over the request's bytes: no HTTP server,
// no clock, no network.
package platform

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// Platform is one kind of sender. Implementations keep no state and may be shared.
// A new one is a file in this package and a line in the registry below.
type Platform interface {
	// Name is how configuration and URLs call the platform, such as "github".
	Name() string
	// ParseSecret checks a secret as the platform's console shows it. Its errors
	// never repeat the secret.
	ParseSecret(raw []byte) (Secret, error)
	// Verify reports whether the request was signed with one of the secrets, compared
	// in constant time. It returns nil or a [Reason]; without secrets nothing passes.
	Verify(req *Request, secrets []Secret) error
	// Facts reads what routing needs from a verified request. The document is the
	// JSON text in the body (for a form, that of its field "payload"); what it or the
	// headers lack is left empty, also when the document is not JSON.
	Facts(req *Request, document []byte) Facts
	// Reply is the success answer that the platform asks for, or nil where any 2xx
	// will do and the gateway's own "202 accepted" is sent.
	Reply(document []byte) *Reply
	// Sign returns the headers with which the platform would send body as the
	// delivery id at that time.
	Sign(secret Secret, id string, at time.Time, body []byte) http.Header
}

// Request is what a signature may cover.
type Request struct {
	Method string
	// URL is the absolute address that the platform was configured with.
	URL    string
	Header http.Header
	// Body is the raw body, byte for byte; it is only read.
	Body []byte
	// Now is the time against which signed timestamps are checked.
	Now time.Time
}

// Facts is what a platform's request says about its event.
type Facts struct {
	// Type is "<platform>.<event>"; never empty.
	Type string
	// User is who caused the event, in the platform's own id; may be empty.
	User string
	// OrderKey is the platform's unit of order; empty means that the user is.
	OrderKey string
	// DedupeID is the same in every repeat of one delivery; may be empty.
	DedupeID string
}

// Reply is a platform's own success answer.
type Reply struct {
	Status      int
	ContentType string
	Body        []byte
}

var registry = index(
	github{},
	standardWebhooks{},
)

func index(platforms ...Platform) map[string]Platform {
	byName := make(map[string]Platform, len(platforms))
	for _, p := range platforms {
		byName[p.Name()] = p
	}
	return byName
}

// Get returns the platform of that name.
func Get(name string) (Platform, bool) {
	p, ok := registry[name]
	return p, ok
}

// Names lists the platforms in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(registry)) }
