package platform

import (
	"cmp"
	"crypto/sha1" // Only for deliveries of servers that know nothing better; see legacy_sha1.
	"slices"
)

const githubEvent = "X-Github-Event"

// hubSignature is the scheme of GitHub and Meta.
var hubSignature = macScheme{headers: []string{"X-Hub-Signature-256"}, prefix: "sha256="}

// github verifies X-Hub-Signature-256 over the raw body, of JSON and form deliveries alike
// (https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries).
type github struct {
	macScheme
	// queuePing makes an event of the ping that GitHub sends to a new address.
	queuePing bool
}

func newGitHub(o *options) Platform {
	scheme := hubSignature
	// Old GitHub Enterprise servers have no other signature than X-Hub-Signature.
	if o.flag("legacy_sha1") {
		scheme = macScheme{headers: []string{"X-Hub-Signature"}, prefix: "sha1=", newHash: sha1.New}
	}
	scheme.idHeader = "X-Github-Delivery"
	return github{macScheme: newMACScheme(o, scheme, "{body}"), queuePing: o.flag("queue_ping")}
}

// Read takes the event's name and the delivery's id from headers, which the
// signature does not cover; the name as far as the body does not contradict. Order is kept within a repository; events of no repository
// are ordered by installation, then by organization. A ping is a handshake, or an event like any other.
func (g github) Read(req *Request, document []byte) (Delivery, error) {
	name, fits := githubTypeOf(req.Header.Get(githubEvent), document)
	if name == "ping" && !g.queuePing {
		return handshake(textReply("pong"))
	}
	key := Key{Value: req.Header.Get(g.idHeader), Rule: githubKey}
	key.Rule.Equal = fits && slices.Contains(githubEqual, name)
	owners := members(document, "sender", "repository", "installation", "organization")
	return single(Event{
		Type: "github." + cmp.Or(name, "event"), User: firstID(owners[0]),
		OrderKey: firstID(owners[1:]...), Key: key,
	}, nil)
}
