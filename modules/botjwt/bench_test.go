package botjwt

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// BenchmarkVerify stands beside BenchmarkLibrary, which does the least that is safe.
func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range algorithmNames() {
		b.Run(algorithm, func(b *testing.B) {
			c := config(b)
			c.Scopes = []string{"a"}
			c.Trusts[0].Issuers, c.Trusts[0].Audiences = []string{"issuer"}, []string{"botgate"}
			v := verifierOf(b, c)
			token := sign(b, algorithm, nil, claims(jwt.MapClaims{"scope": "a b"}))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLibrary(b *testing.B) {
	for _, algorithm := range algorithmNames() {
		b.Run(algorithm, func(b *testing.B) {
			key := keyOf(b, algorithm, "").material
			parser := jwt.NewParser(jwt.WithValidMethods([]string{algorithm}), jwt.WithExpirationRequired(),
				jwt.WithTimeFunc(func() time.Time { return time.Unix(now, 0) }))
			token := sign(b, algorithm, nil, claims(jwt.MapClaims{"scope": "a b"}))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parser.Parse(token, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
