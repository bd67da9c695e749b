package platform

import (
	"regexp"
	"strings"
)

const (
	googleChatAccount  = "chat@system.gserviceaccount.com"
	googleChatKeys     = "https://www.googleapis.com/service_accounts/v1/jwk/" + googleChatAccount
	googleIDIssuer     = "https://accounts.google.com"
	googleIDKeys       = "https://www.googleapis.com/oauth2/v3/certs"
	googleProjectChars = "0123456789"
)

// googleChatAddOn are the accounts of Chat apps on the add-on framework, one for each project.
var googleChatAddOn = regexp.MustCompile(`^service-[0-9]+@gcp-sa-gsuiteaddons\.iam\.gserviceaccount\.com$`)

// googleChat verifies requests of Google Chat, whose token is for a project number or for
// the address of the endpoint (https://developers.google.com/workspace/chat/verify-requests-from-chat).
// The token does not cover the body.
type googleChat struct {
	tokenScheme
	// endpoint is whether the audience is an address; the token is then of any Google
	// account that asked for one, and must be Chat's or an add-on's.
	endpoint bool
	// account is the one account that may call; empty takes that of Chat, and of any add-on.
	account string
}

func newGoogleChat(o *options) Platform {
	issuer, audience, keys := googleChatAccount, o.required("audience"), googleChatKeys
	endpoint, account := strings.HasPrefix(audience, "https://"), o.text("service_account", "")
	switch {
	case endpoint:
		issuer, keys = googleIDIssuer, googleIDKeys
	case strings.Trim(audience, googleProjectChars) != "":
		o.fail("option audience: it must be the project number, or the https address of the endpoint")
	case account != "":
		o.fail("option service_account: only tokens for an address have one;" +
			" set audience to the https address of the endpoint")
	}
	return googleChat{tokenScheme{issuer, audience, KeySource{JWKS: o.text("jwks", keys)}}, endpoint, account}
}

// Verify checks the token, and of an endpoint's also that it is Chat's own or an add-on's.
func (g googleChat) Verify(req *Request, secrets []Secret) error { return verifyWhole(g, req, secrets) }

// VerifyHead is all of Verify.
func (g googleChat) VerifyHead(req *Request, secrets []Secret) (func([]byte) error, error) {
	claims, _, err := g.verify(req, secrets)
	if err != nil {
		return nil, err
	}
	if email, _ := claims["email"].(string); g.endpoint && (claims["email_verified"] != true || !g.accepts(email)) {
		return nil, badEmail
	}
	return anyBody, nil
}

func (g googleChat) accepts(email string) bool {
	if g.account != "" {
		return email == g.account
	}
	return email == googleChatAccount || googleChatAddOn.MatchString(email)
}
