package platform

import (
	"strings"
)

const (
	googleChatAccount  = "chat@system.gserviceaccount.com"
	googleChatKeys     = "https://www.googleapis.com/service_accounts/v1/jwk/" + googleChatAccount
	googleIDIssuer     = "https://accounts.google.com"
	googleIDKeys       = "https://www.googleapis.com/oauth2/v3/certs"
	googleProjectChars = "0123456789"
)

// googleChat verifies requests of Google Chat, whose token is for a project number or for
// the address of the endpoint (https://developers.google.com/workspace/chat/verify-requests-from-chat).
// The token does not cover the body.
type googleChat struct {
	policy tokenPolicy
	// endpoint is whether the audience is an address; the token is then of any Google
	// account that asked for one, and must be Chat's.
	endpoint bool
	jwks     string
}

func newGoogleChat(o *options) Platform {
	g := googleChat{policy: tokenPolicy{issuer: googleChatAccount, audience: o.required("audience")}, jwks: googleChatKeys}
	switch {
	case strings.HasPrefix(g.policy.audience, "https://"):
		g.endpoint, g.policy.issuer, g.jwks = true, googleIDIssuer, googleIDKeys
	case strings.Trim(g.policy.audience, googleProjectChars) != "":
		o.fail("option audience: it must be the project number, or the https address of the endpoint")
	}
	g.jwks = o.text("jwks", g.jwks)
	return g
}

// Name returns "google-chat".
func (googleChat) Name() string { return "google-chat" }

// ParseSecret takes Google's key set.
func (googleChat) ParseSecret(raw []byte) (Secret, error) { return parseTokenKeys(raw) }

// Keys is where Google publishes the keys of the kind of token.
func (g googleChat) Keys() KeySource { return KeySource{JWKS: g.jwks} }

// Verify checks the token, and for an endpoint's also that it is Chat's own.
func (g googleChat) Verify(req *Request, secrets []Secret) error {
	claims, _, err := verifyToken(req, secrets, g.policy)
	if err != nil {
		return err
	}
	if g.endpoint && (claims["email"] != googleChatAccount || claims["email_verified"] != true) {
		return Email
	}
	return nil
}

// Read keeps order in a thread, else in a space.
func (googleChat) Read(_ *Request, document []byte) Delivery {
	parts := members(document, "type", "eventTime", "space", "user", "message")
	space, user := field(parts[2], "name"), field(parts[3], "name")
	event := Event{
		Type: "google-chat." + orText(text(parts[0]), "event"), User: user,
		OrderKey: orText(field(parts[4], "thread", "name"), space),
	}
	if when := text(parts[1]); when != "" {
		event.DedupeID = strings.Join([]string{when, space, user, text(parts[0])}, " ")
	}
	if name := field(parts[4], "name"); name != "" {
		event.DedupeID = text(parts[0]) + " " + name
	}
	return single(event, jsonReply("{}"))
}
