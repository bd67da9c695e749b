// Package platform knows how each platform signs its webhooks and what their fields
// mean. Everything here is a pure function over the request's bytes: no HTTP server,
// no clock, no network.
package platform

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Platform is one kind of sender. Implementations keep no state and may be shared.
// A new one is a file in this package and a line in the registry.
type Platform interface {
	// ParseSecret checks a secret as the platform's console shows it. Its errors
	// never repeat the secret.
	ParseSecret(raw []byte) (Secret, error)
	// Verify reports whether the request was signed with one of the secrets, compared
	// in constant time. It returns nil or a [Reason]; without secrets nothing passes.
	Verify(req *Request, secrets []Secret) error
	// Read says what a verified request brings. The document is the JSON text in the
	// body (for a form, that of its field "payload"); what it or the headers lack is
	// left empty, also when the document is not JSON. Its errors are [ErrBatchItems] and
	// [ErrBatchBytes].
	Read(req *Request, document []byte) (Delivery, error)
}

// registry makes each platform from its options, by the name that configuration and URLs use.
var registry = map[string]func(*options) Platform{
	"botframework":      newBotFramework,
	"discord":           newDiscord,
	"github":            newGitHub,
	"google-chat":       newGoogleChat,
	"hmac":              newGeneric,
	"hook0":             newHook0,
	"line":              newLine,
	"meta":              newMeta,
	"shopify":           newShopify,
	"slack":             newSlack,
	"standard-webhooks": newStandardWebhooks,
	"stripe":            newStripe,
	"teams-outgoing":    newTeams,
	"telegram":          newTelegram,
	"twilio":            newTwilio,
}

// New returns the platform of that name with the settings, which are its options by
// name. An option that is unknown, missing or malformed is an error.
func New(name string, settings map[string]string) (Platform, error) {
	build, ok := registry[name]
	if !ok {
		return nil, fmt.Errorf("unknown platform %q; there are %s", name, strings.Join(Names(), ", "))
	}
	o := &options{given: settings}
	p := build(o)
	if err := o.done(); err != nil {
		return nil, err
	}
	return p, nil
}

// Names lists the platforms in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(registry)) }

// Prober is a platform that also sends requests without a signature, to try an address out.
type Prober interface {
	// Probe answers such a request, or returns nil when it is none. What it answers
	// is never queued.
	Probe(req *Request) *Reply
}

// Signer is a platform whose signature can be made with the secret that verifies it.
type Signer interface {
	// Sign returns the headers with which the platform would send the request, at its
	// time and as the delivery id.
	Sign(secret Secret, req *Request, id string) http.Header
}

// Keyed is a platform that publishes the keys it signs with. [Platform] ParseSecret takes
// the JSON Web Key Set (RFC 7517) as it is published.
type Keyed interface {
	// Keys says where the key set is.
	Keys() KeySource
	// Audience is whom the tokens must be for: the bot's account at the platform.
	Audience() string
}

// KeySource is the address of a key set. Exactly one field is set.
type KeySource struct {
	// JWKS is the address of the key set itself.
	JWKS string
	// Metadata is the address of an OpenID metadata document that names it.
	Metadata string
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
	// MaxBatch is how many bytes the events of a batch may take together. Default: 4 MB.
	MaxBatch int64
}

// Delivery is what a verified request brings.
type Delivery struct {
	// Events are what the bot shall act on, in the order of the request. There is none
	// in a handshake, which is answered with Reply and never queued.
	Events []Event
	// Reply is the success answer that the platform asks for, or nil where any 2xx
	// will do and the gateway's own "202 accepted" is sent.
	Reply *Reply
}

// Event is one thing that happened.
type Event struct {
	// Type is "<platform>.<event>"; never empty.
	Type string
	// User is who caused the event, in the platform's own id; may be empty.
	User string
	// OrderKey is the platform's unit of order; empty means that the user is.
	OrderKey string
	// Key names the event's delivery; the zero Key where nothing in the request does.
	Key Key
	// Body is this event's part of a batch, in the form of a request that brings
	// nothing else; nil means that the request's body is the event.
	Body []byte
}

// Reply is a platform's own success answer.
type Reply struct {
	Status      int
	ContentType string
	Body        []byte
	// Replaceable says that the platform acts on the body of the answer, so that the bot's own can take this one's place.
	Replaceable bool
	// Wait is how long to wait for that unless the operator says: well below the time after which the platform
	// gives the request up. 0 where it names none.
	Wait time.Duration
	// Ephemeral says that the platform shows the answer, and what takes its place later, to one person alone.
	Ephemeral bool
}

// orBots is the reply as one that the bot's own answer can take the place of, where it comes within a time.
func (r *Reply) orBots(wait time.Duration) *Reply {
	replaceable := *r
	replaceable.Replaceable, replaceable.Wait = true, wait
	return &replaceable
}
