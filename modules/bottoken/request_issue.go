package bottoken

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// tokenType is that of access tokens (RFC 9068, section 2.1).
const tokenType = "at+jwt"

// issuer makes tokens.
type issuer struct {
	name      string
	audiences []string
	ttl       time.Duration
}

// issue makes a token of the client with the scopes (RFC 9068, section 2.2).
func (i issuer) issue(signer key, c *client, scopes []string, now time.Time) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("making a token's id: %w", err)
	}
	claims := jwt.MapClaims{}
	maps.Copy(claims, c.claims)
	claims["iss"] = i.name
	claims["sub"] = c.subject
	claims["aud"] = i.audience()
	claims["client_id"] = c.id
	claims["iat"] = now.Unix()
	claims["exp"] = now.Add(i.ttl).Unix()
	claims["jti"] = id.String()
	if len(scopes) > 0 {
		claims["scope"] = strings.Join(scopes, " ")
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["typ"] = tokenType
	token.Header["kid"] = signer.id
	signed, err := token.SignedString(signer.private)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return signed, nil
}

// audience is a text where there is one: not everybody reads lists.
func (i issuer) audience() any {
	if len(i.audiences) == 1 {
		return i.audiences[0]
	}
	return i.audiences
}

// grant returns the scopes of the token: those that were asked for, or without any, all
// that the client may have. It reports false where the client may not have them.
func (c *client) grant(asked []string) ([]string, bool) {
	if len(asked) == 0 {
		return c.scopes, true
	}
	for _, scope := range asked {
		if !slices.Contains(c.scopes, scope) {
			return nil, false
		}
	}
	return asked, true
}
