package botjwt

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/botgate/botgate/internal/event"
)

const (
	// prefixOff as the user_prefix of an issuer says that its users are those without a prefix.
	prefixOff = "off"
	// maxPrefix leaves enough of [maxUser] for the user.
	maxPrefix = maxUser / 2
)

// prefixOf is what the names of the issuer's users begin with. Those of the first issuer have no prefix by default, and
// those of any other its name, so that no two issuers speak for one user.
func (c *IssuerConfig) prefixOf(first bool) string {
	switch {
	case c.UserPrefix == prefixOff, c.UserPrefix == "" && first:
		return ""
	case c.UserPrefix != "":
		return c.UserPrefix
	}
	return strings.TrimPrefix(c.Issuer, "https://") + "|"
}

// isBounded reports whether anything restricts the issuer.
func (c *IssuerConfig) isBounded() bool { return len(c.Scopes)+len(c.Claims) > 0 || c.UserPrefix != "" }

// checkBounds checks what restricts the issuer; botClaim names the claim whose value is a bot.
func (c *IssuerConfig) checkBounds(prefix, botClaim string) error {
	if prefix != "" && (!identifies(prefix+"x") || len(prefix) > maxPrefix || strings.ContainsAny(prefix, "{}")) {
		return fmt.Errorf("option user_prefix: %q can't begin a user's name: up to %d bytes, no control characters or braces; "+
			"name another one", prefix, maxPrefix)
	}
	for _, scope := range c.Scopes {
		if scope == "" || strings.ContainsFunc(scope, notScopeChar) || strings.ContainsAny(scope, "{}") {
			return fmt.Errorf("option scopes: %q is not a scope (RFC 6749, section 3.3)", scope)
		}
	}
	for name, value := range c.Claims {
		switch {
		case name == "" || strings.TrimSpace(value) == "" || strings.ContainsAny(value, "{}"):
			return fmt.Errorf("option claim: %s: %q is not a value", name, value)
		case slices.Contains([]string{"iss", "aud", "exp", "nbf", "iat", "jti", "scope", "scp"}, name):
			return fmt.Errorf("option claim: %s can't be fixed: issuer, audience and scopes bound who issues what", name)
		case name == botClaim && !event.ValidBot(value):
			return fmt.Errorf("option claim: %q is not a bot's name", value)
		}
	}
	return nil
}

// checkPrefixes finds issuers whose users could have the same names.
func checkPrefixes(trusts []*trust) error {
	for i, a := range trusts {
		for _, b := range trusts[:i] {
			if a.Prefix != "" && b.Prefix != "" && (strings.HasPrefix(a.Prefix, b.Prefix) || strings.HasPrefix(b.Prefix, a.Prefix)) {
				return fmt.Errorf("option user_prefix: users of %q and %q could have the same names: one prefix begins with the other",
					a.Prefix, b.Prefix)
			}
			if slices.ContainsFunc(a.Issuers, func(issuer string) bool { return slices.Contains(b.Issuers, issuer) }) {
				return errors.New("option issuer: an issuer is there twice; only one of the two would be used")
			}
		}
	}
	return nil
}

// bind narrows what a token says down to what its issuer may say.
func (t *trust) bind(claims jwt.MapClaims) error {
	for name, fixed := range t.Claims {
		if given, claimed := claims[name]; claimed && given != any(fixed) {
			return reasonForeignClaim
		}
		claims[name] = fixed
	}
	if len(t.Scopes) > 0 {
		granted := slices.DeleteFunc(scopesOf(claims), func(scope string) bool { return !slices.Contains(t.Scopes, scope) })
		claims["scope"] = strings.Join(granted, " ")
		delete(claims, "scp")
	}
	return nil
}
