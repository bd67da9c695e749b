package platform

import (
	"cmp"
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
	tokenScheme
	// endpoint is whether the audience is an address; the token is then of any Google
	// account that asked for one, and must be Chat's.
	endpoint bool
}

func newGoogleChat(o *options) Platform {
	issuer, audience, keys := googleChatAccount, o.required("audience"), googleChatKeys
	endpoint := strings.HasPrefix(audience, "https://")
	switch {
	case endpoint:
		issuer, keys = googleIDIssuer, googleIDKeys
	case strings.Trim(audience, googleProjectChars) != "":
		o.fail("option audience: it must be the project number, or the https address of the endpoint")
	}
	return googleChat{tokenScheme{issuer, audience, KeySource{JWKS: o.text("jwks", keys)}}, endpoint}
}

// Verify checks the token, and for an endpoint's also that it is Chat's own.
func (g googleChat) Verify(req *Request, secrets []Secret) error {
	claims, _, err := g.verify(req, secrets)
	if err != nil {
		return err
	}
	if g.endpoint && (claims["email"] != googleChatAccount || claims["email_verified"] != true) {
		return badEmail
	}
	return nil
}

// Read keeps order in a thread, else in a space.
func (googleChat) Read(_ *Request, document []byte) Delivery {
	parts := members(document, "type", "eventTime", "space", "user", "message")
	space, user := field(parts[2], "name"), field(parts[3], "name")
	event := Event{
		Type: "google-chat." + cmp.Or(text(parts[0]), "event"), User: user,
		OrderKey: cmp.Or(field(parts[4], "thread", "name"), space),
	}
	if when := text(parts[1]); when != "" {
		event.Key = Key{Value: strings.Join([]string{when, space, user, text(parts[0])}, " "), Rule: googleChatKey}
	}
	if name := field(parts[4], "name"); name != "" {
		event.Key = Key{Value: text(parts[0]) + " " + name, Rule: googleChatKey}
	}
	return single(event, jsonReply("{}"))
}
