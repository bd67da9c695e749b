package botjwt

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const now = 1700000000

// claims are those of a good token, changed and added to by the given ones; nil removes.
func claims(changes jwt.MapClaims) jwt.MapClaims {
	all := jwt.MapClaims{"sub": "ada", "iss": "issuer", "aud": "botgate", "exp": now + 60}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

// sign makes a token with the ring's key of that algorithm.
func sign(t testing.TB, algorithm string, header map[string]any, c jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.GetSigningMethod(algorithm), c)
	maps.Copy(token.Header, header)
	signed, err := token.SignedString(ring().private(algorithm))
	require.NoError(t, err)
	return signed
}

// config accepts good tokens of all algorithms.
func config(t testing.TB) verifierConfig {
	c := verifierConfig{
		Names:  &names{},
		Leeway: 30 * time.Second, UserClaim: "sub", MaxTokenSize: 2000,
		Now: func() time.Time { return time.Unix(now, 0) },
	}
	var keys []verificationKey
	for _, algorithm := range algorithmNames() {
		keys = append(keys, keyOf(t, algorithm, ""))
	}
	c.Trusts = []*trust{{Keys: fixed(keys...)}}
	return c
}

// fixedKeys never change.
type fixedKeys struct{ set *keySet }

func fixed(keys ...verificationKey) keySource                { return fixedKeys{newKeySet(keys, nil)} }
func (f fixedKeys) Current(context.Context) (*keySet, error) { return f.set, nil }
func (f fixedKeys) Newest(context.Context) (*keySet, error)  { return f.set, nil }
func (fixedKeys) Close() error                               { return nil }

func verifierOf(t testing.TB, c verifierConfig) *verifier {
	t.Helper()
	v, err := newVerifier(c)
	require.NoError(t, err)
	return v
}

// requireReason compares the outcome of Verify; "" stands for success.
func requireReason(t testing.TB, want reason, err error) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorIs(t, err, want)
}

func TestVerifyClaims(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.Scopes = []string{"a", "b"}
	c.Trusts[0].Issuers, c.Trusts[0].Audiences = []string{"other", "issuer"}, []string{"botgate", "else"}
	v := verifierOf(t, c)
	tests := map[string]struct {
		changes jwt.MapClaims
		want    reason
	}{
		"good":                     {nil, ""},
		"other issuer":             {jwt.MapClaims{"iss": "other"}, ""},
		"several audiences":        {jwt.MapClaims{"aud": []string{"x", "else"}}, ""},
		"expired within leeway":    {jwt.MapClaims{"exp": now - 29}, ""},
		"expired":                  {jwt.MapClaims{"exp": now - 30}, reasonExpired},
		"no expiry":                {jwt.MapClaims{"exp": nil}, reasonNoExpiry},
		"expiry zero":              {jwt.MapClaims{"exp": 0}, reasonNoExpiry},
		"expiry as text":           {jwt.MapClaims{"exp": "tomorrow"}, reasonBadClaims},
		"expiry with fraction":     {jwt.MapClaims{"exp": now + 0.5}, ""},
		"not before within leeway": {jwt.MapClaims{"nbf": now + 30}, ""},
		"not before":               {jwt.MapClaims{"nbf": now + 31}, reasonNotYetValid},
		"issued within leeway":     {jwt.MapClaims{"iat": now + 30}, ""},
		"issued in future":         {jwt.MapClaims{"iat": now + 31}, reasonNotYetValid},
		"issued as text":           {jwt.MapClaims{"iat": "now"}, reasonBadClaims},
		"wrong issuer":             {jwt.MapClaims{"iss": "issuer2"}, reasonBadIssuer},
		"no issuer":                {jwt.MapClaims{"iss": nil}, reasonBadIssuer},
		"issuer of wrong type":     {jwt.MapClaims{"iss": []string{"issuer"}}, reasonBadIssuer},
		"wrong audience":           {jwt.MapClaims{"aud": "botgate2"}, reasonBadAudience},
		"no audience":              {jwt.MapClaims{"aud": nil}, reasonBadAudience},
		"audience of wrong type":   {jwt.MapClaims{"aud": []any{1}}, reasonBadAudience},
		"no user":                  {jwt.MapClaims{"sub": nil}, reasonNoUser},
		"empty user":               {jwt.MapClaims{"sub": ""}, reasonNoUser},
		"user of wrong type":       {jwt.MapClaims{"sub": []string{"ada"}}, reasonNoUser},
		"user with control char":   {jwt.MapClaims{"sub": "ada\x00"}, reasonNoUser},
		"user with space before":   {jwt.MapClaims{"sub": " ada"}, reasonNoUser},
		"user with space behind":   {jwt.MapClaims{"sub": "ada\u00a0"}, reasonNoUser},
		"user of spaces":           {jwt.MapClaims{"sub": "  "}, reasonNoUser},
		"user too long":            {jwt.MapClaims{"sub": strings.Repeat("a", 257)}, reasonNoUser},
		"scope missing":            {jwt.MapClaims{"scope": "a ab"}, reasonNoScope},
		"no scopes":                {jwt.MapClaims{"scope": nil}, reasonNoScope},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := claims(jwt.MapClaims{"scope": "b a"})
			maps.Copy(all, tt.changes)
			got, err := v.Verify(t.Context(), sign(t, "HS256", nil, claims(all)))
			requireReason(t, tt.want, err)
			require.Equal(t, tt.want == "" || tt.want == reasonNoScope, got != nil && got.User == "ada")
		})
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		values jwt.MapClaims
		want   bool
	}{
		"scope":              {jwt.MapClaims{"scope": "x b  a"}, true},
		"scope as an array":  {jwt.MapClaims{"scope": []any{"a", "b"}}, true},
		"scp":                {jwt.MapClaims{"scp": "a b"}, true},
		"scp as an array":    {jwt.MapClaims{"scp": []any{"a", "b", 7}}, true},
		"both together":      {jwt.MapClaims{"scope": "a", "scp": []any{"b"}}, true},
		"only one":           {jwt.MapClaims{"scope": "a"}, false},
		"joined in an array": {jwt.MapClaims{"scp": []any{"a b"}}, false},
		"other case":         {jwt.MapClaims{"scope": "A B"}, false},
		"commas":             {jwt.MapClaims{"scope": "a,b"}, false},
		"an object":          {jwt.MapClaims{"scope": map[string]any{"a": 1, "b": 1}}, false},
	}
	for name, tt := range tests {
		require.Equal(t, tt.want, hasScopes(tt.values, []string{"a", "b"}), name)
	}
}

// TestAlgorithmConfusion signs with every key and claims every algorithm, against a
// verifier that has only the key of one.
func TestAlgorithmConfusion(t *testing.T) {
	t.Parallel()
	for _, configured := range algorithmNames() {
		c := config(t)
		c.Trusts[0].Keys = fixed(keyOf(t, configured, ""))
		v := verifierOf(t, c)
		for _, signed := range algorithmNames() {
			good := sign(t, signed, nil, claims(nil))
			_, err := v.Verify(t.Context(), good)
			if signed == configured {
				require.NoError(t, err, configured)
			} else {
				require.ErrorIs(t, err, reasonUnknownAlgorithm, "%s by %s", configured, signed)
			}
			for _, claimed := range append(algorithmNames(), "none", "NONE", "hs256", "") {
				if claimed == signed {
					continue
				}
				_, err := v.Verify(t.Context(), withAlgorithm(t, good, claimed))
				require.Error(t, err, "%s by %s, said to be %s", configured, signed, claimed)
			}
		}
	}
}

// TestPublicKeyAsSecret is the classic: the RSA key, which is public, used to sign HS256.
func TestPublicKeyAsSecret(t *testing.T) {
	t.Parallel()
	v := verifierOf(t, config(t))
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims(nil)).SignedString(ring().public(t, algorithm))
		require.NoError(t, err)
		_, err = v.Verify(t.Context(), token)
		require.ErrorIs(t, err, reasonBadSignature, algorithm)
	}
}

func withAlgorithm(t testing.TB, token, algorithm string) string {
	t.Helper()
	_, rest, _ := strings.Cut(token, ".")
	header, err := json.Marshal(map[string]string{"alg": algorithm, "typ": "JWT"})
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(header) + "." + rest
}

func TestVerifyHeader(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.Trusts[0].Keys = fixed(keyOf(t, "HS256", "one"), keyOf(t, "ES256", ""))
	v := verifierOf(t, c)
	for name, tt := range map[string]struct {
		algorithm string
		header    map[string]any
		want      reason
	}{
		"the key's id":          {"HS256", map[string]any{"kid": "one"}, ""},
		"no id":                 {"HS256", nil, ""},
		"empty id":              {"HS256", map[string]any{"kid": ""}, ""},
		"another id":            {"HS256", map[string]any{"kid": "two"}, reasonUnknownKey},
		"id of wrong type":      {"HS256", map[string]any{"kid": 1}, reasonMalformed},
		"id for a key without":  {"ES256", map[string]any{"kid": "one"}, ""},
		"critical extension":    {"HS256", map[string]any{"crit": []string{"exp"}}, reasonCriticalHeader},
		"empty critical header": {"HS256", map[string]any{"crit": nil}, reasonCriticalHeader},
		"a key of its own":      {"HS256", map[string]any{"jwk": map[string]any{"kty": "oct", "k": "AAAA"}}, ""},
		"no algorithm":          {"HS256", map[string]any{"alg": nil}, reasonUnknownAlgorithm},
		"unheard-of algorithm":  {"HS256", map[string]any{"alg": "XS256"}, reasonUnknownAlgorithm},
		"not configured":        {"EdDSA", nil, reasonUnknownAlgorithm},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := v.Verify(t.Context(), sign(t, tt.algorithm, tt.header, claims(nil)))
			requireReason(t, tt.want, err)
		})
	}
}

func TestVerifyForm(t *testing.T) {
	t.Parallel()
	v := verifierOf(t, config(t))
	good := sign(t, "HS256", nil, claims(nil))
	parts := strings.Split(good, ".")
	for name, tt := range map[string]struct {
		token string
		want  reason
	}{
		"empty":              {"", reasonMalformed},
		"one part":           {parts[0], reasonMalformed},
		"two parts":          {parts[0] + "." + parts[1], reasonMalformed},
		"four parts":         {good + ".x", reasonMalformed},
		"no signature":       {parts[0] + "." + parts[1] + ".", reasonBadSignature},
		"padding":            {good + "=", reasonMalformed},
		"not base64":         {"*" + good, reasonMalformed},
		"header not JSON":    {"e30x." + parts[1] + "." + parts[2], reasonMalformed},
		"claims not JSON":    {parts[0] + ".e30x." + parts[2], reasonMalformed},
		"claims null":        {parts[0] + ".bnVsbA." + parts[2], reasonBadSignature},
		"signature cut":      {good[:len(good)-4], reasonBadSignature},
		"other claims":       {parts[0] + "." + strings.Split(sign(t, "HS256", nil, claims(jwt.MapClaims{"sub": "eve"})), ".")[1] + "." + parts[2], reasonBadSignature},
		"as long as allowed": {good + strings.Repeat("A", 2000-len(good)), reasonBadSignature},
		"too long":           {good + strings.Repeat("A", 2001-len(good)), reasonTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := v.Verify(t.Context(), tt.token)
			require.ErrorIs(t, err, tt.want)
		})
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	c := config(t)
	fresh, err := parseKey("HS256", "", []byte(strings.Repeat("another ", 4)))
	require.NoError(t, err)
	c.Trusts[0].Keys = fixed(fresh, keyOf(t, "HS256", ""))
	_, err = verifierOf(t, c).Verify(t.Context(), sign(t, "HS256", nil, claims(nil)))
	require.NoError(t, err)
	c.Trusts[0].Keys = fixed(fresh)
	_, err = verifierOf(t, c).Verify(t.Context(), sign(t, "HS256", nil, claims(nil)))
	require.ErrorIs(t, err, reasonBadSignature)
}

func TestClaimsText(t *testing.T) {
	t.Parallel()
	got, err := verifierOf(t, config(t)).Verify(t.Context(), sign(t, "HS256", nil, claims(jwt.MapClaims{
		"sub": 12345678901234567, "admin": true, "roles": []string{"a", "b c"}, "org": map[string]any{"id": 9007199254740993},
		"empty": "", "half": 0.5,
	})))
	require.NoError(t, err)
	require.Equal(t, "12345678901234567", got.User)
	for name, want := range map[string]string{
		"admin": "true", "roles": `["a","b c"]`, "org": `{"id":9007199254740993}`, "empty": "", "half": "0.5", "iss": "issuer",
	} {
		text, ok := got.Text(name)
		require.True(t, ok, name)
		require.Equal(t, want, text)
	}
	_, ok := got.Text("absent")
	require.False(t, ok)
}
