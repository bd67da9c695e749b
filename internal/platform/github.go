package platform

import (
	"crypto/sha1" // Only for deliveries of servers that know nothing better; see legacy_sha1.
	"crypto/sha256"
	"encoding/hex"
	"net/http"
)

const (
	githubSignature     = "X-Hub-Signature-256"
	githubSHA1Signature = "X-Hub-Signature"
	githubEvent         = "X-Github-Event"
	githubDelivery      = "X-Github-Delivery"
	githubScheme        = "sha256="
	githubSHA1Scheme    = "sha1="
)

// github verifies X-Hub-Signature-256 (https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries).
type github struct {
	// legacySHA1 accepts X-Hub-Signature instead, from old GitHub Enterprise servers.
	legacySHA1 bool
	// queuePing makes an event of the ping that GitHub sends to a new address.
	queuePing bool
}

func newGitHub(o *options) Platform {
	return github{legacySHA1: o.flag("legacy_sha1"), queuePing: o.flag("queue_ping")}
}

// Name returns "github".
func (github) Name() string { return "github" }

// ParseSecret takes the secret as it is: GitHub uses its bytes as the key.
func (g github) ParseSecret(raw []byte) (Secret, error) {
	if g.legacySHA1 {
		return newMACSecret(sha1.New, raw)
	}
	return newMACSecret(sha256.New, raw)
}

// Verify checks the signature over the raw body, of JSON and form deliveries alike.
func (g github) Verify(req *Request, secrets []Secret) error {
	if g.legacySHA1 {
		return verifyHex(req.Header.Get(githubSHA1Signature), githubSHA1Scheme, sha1.Size, secrets, req.Body)
	}
	return verifyHex(req.Header.Get(githubSignature), githubScheme, sha256.Size, secrets, req.Body)
}

// Read takes the event's name and the delivery's id from headers, which the
// signature does not cover. Order is kept within a repository; events of no repository
// are ordered by installation, then by organization. A ping is a handshake, or an event like any other.
func (g github) Read(req *Request, document []byte) Delivery {
	if req.Header.Get(githubEvent) == "ping" && !g.queuePing {
		return handshake(textReply("pong"))
	}
	event := Event{Type: "github.event", DedupeID: req.Header.Get(githubDelivery)}
	if name := req.Header.Get(githubEvent); name != "" {
		event.Type = "github." + name
	}
	owners := members(document, "sender", "repository", "installation", "organization")
	event.User = text(members(owners[0], "id")[0])
	for _, owner := range owners[1:] {
		if event.OrderKey = text(members(owner, "id")[0]); event.OrderKey != "" {
			break
		}
	}
	return single(event, nil)
}

// Sign sets the delivery id too. It leaves out X-GitHub-Event, which says what the body is.
func (g github) Sign(secret Secret, req *Request, id string) http.Header {
	name, scheme := githubSignature, githubScheme
	if g.legacySHA1 {
		name, scheme = githubSHA1Signature, githubSHA1Scheme
	}
	return http.Header{
		name:           {scheme + hex.EncodeToString(secret.sum(req.Body))},
		githubDelivery: {id},
	}
}
