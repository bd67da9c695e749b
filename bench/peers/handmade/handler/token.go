package handler

import (
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/botgate/botgate/bench/peers/workload"
)

// Verifier verifies tokens with the secret; it returns the user, and until when the token is valid.
func Verifier(secret []byte) func(token string) (user string, until time.Time, err error) {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(workload.Issuer),
		jwt.WithAudience(workload.Audience), jwt.WithExpirationRequired())
	return func(token string) (string, time.Time, error) {
		var claims jwt.RegisteredClaims
		_, err := parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return secret, nil })
		if err != nil {
			return "", time.Time{}, err
		}
		return claims.Subject, claims.ExpiresAt.Time, nil
	}
}
