package botjwt

import (
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// FuzzVerify: nothing panics, and only what the ring signed passes. Workers of the
// fuzzer have key pairs of their own, so there only the seeds for HS256 reach all checks.
func FuzzVerify(f *testing.F) {
	v := verifierOf(f, config(f))
	for _, algorithm := range algorithmNames() {
		good := sign(f, algorithm, map[string]any{"kid": "x"}, claims(jwt.MapClaims{"scope": "a", "nbf": now}))
		f.Add(good)
		f.Add(withAlgorithm(f, good, "none"))
	}
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := v.Verify(t.Context(), token)
		if err == nil {
			require.Equal(t, "ada", got.User)
			return
		}
		why := reason("")
		require.ErrorAs(t, err, &why)
		require.Nil(t, got)
	})
}
