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
func config(t testing.TB) Config {
	c := Config{
		Leeway: 30 * time.Second, UserClaim: "sub", MaxTokenSize: 2000,
		Now: func() time.Time { return time.Unix(now, 0) },
	}
	var keys []Key
	for _, algorithm := range Algorithms() {
		keys = append(keys, parseKey(t, algorithm, ""))
	}
	c.Trusts = []*Trust{{Keys: fixed(keys...)}}
	return c
}

// fixedKeys never change.
type fixedKeys struct{ set *KeySet }

func fixed(keys ...Key) KeySource                            { return fixedKeys{NewKeySet(keys, nil)} }
func (f fixedKeys) Current(context.Context) (*KeySet, error) { return f.set, nil }
func (fixedKeys) Newer(context.Context) (*KeySet, bool)      { return nil, false }
func (fixedKeys) Close() error                               { return nil }

func newVerifier(t testing.TB, c Config) *Verifier {
	t.Helper()
	v, err := NewVerifier(c)
	require.NoError(t, err)
	return v
}

// requireReason compares the outcome of Verify; "" stands for success.
func requireReason(t testing.TB, want Reason, err error) {
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
	v := newVerifier(t, c)
	tests := map[string]struct {
		changes jwt.MapClaims
		want    Reason
	}{
		"good":                     {nil, ""},
		"other issuer":             {jwt.MapClaims{"iss": "other"}, ""},
		"several audiences":        {jwt.MapClaims{"aud": []string{"x", "else"}}, ""},
		"expired within leeway":    {jwt.MapClaims{"exp": now - 29}, ""},
		"expired":                  {jwt.MapClaims{"exp": now - 30}, Expired},
		"no expiry":                {jwt.MapClaims{"exp": nil}, NoExpiry},
		"expiry zero":              {jwt.MapClaims{"exp": 0}, NoExpiry},
		"expiry as text":           {jwt.MapClaims{"exp": "tomorrow"}, BadClaims},
		"expiry with fraction":     {jwt.MapClaims{"exp": now + 0.5}, ""},
		"not before within leeway": {jwt.MapClaims{"nbf": now + 30}, ""},
		"not before":               {jwt.MapClaims{"nbf": now + 31}, NotYetValid},
		"issued within leeway":     {jwt.MapClaims{"iat": now + 30}, ""},
		"issued in future":         {jwt.MapClaims{"iat": now + 31}, NotYetValid},
		"issued as text":           {jwt.MapClaims{"iat": "now"}, BadClaims},
		"wrong issuer":             {jwt.MapClaims{"iss": "issuer2"}, BadIssuer},
		"no issuer":                {jwt.MapClaims{"iss": nil}, BadIssuer},
		"issuer of wrong type":     {jwt.MapClaims{"iss": []string{"issuer"}}, BadIssuer},
		"wrong audience":           {jwt.MapClaims{"aud": "botgate2"}, BadAudience},
		"no audience":              {jwt.MapClaims{"aud": nil}, BadAudience},
		"audience of wrong type":   {jwt.MapClaims{"aud": []any{1}}, BadAudience},
		"no user":                  {jwt.MapClaims{"sub": nil}, NoUser},
		"empty user":               {jwt.MapClaims{"sub": ""}, NoUser},
		"user of wrong type":       {jwt.MapClaims{"sub": []string{"ada"}}, NoUser},
		"user with control char":   {jwt.MapClaims{"sub": "ada\x00"}, NoUser},
		"user too long":            {jwt.MapClaims{"sub": strings.Repeat("a", 257)}, NoUser},
		"scope missing":            {jwt.MapClaims{"scope": "a ab"}, NoScope},
		"no scopes":                {jwt.MapClaims{"scope": nil}, NoScope},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := claims(jwt.MapClaims{"scope": "b a"})
			maps.Copy(all, tt.changes)
			got, err := v.Verify(t.Context(), sign(t, "HS256", nil, claims(all)))
			requireReason(t, tt.want, err)
			require.Equal(t, tt.want == "" || tt.want == NoScope, got.User == "ada")
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
	for _, configured := range Algorithms() {
		c := config(t)
		c.Trusts[0].Keys = fixed(parseKey(t, configured, ""))
		v := newVerifier(t, c)
		for _, signed := range Algorithms() {
			good := sign(t, signed, nil, claims(nil))
			_, err := v.Verify(t.Context(), good)
			if signed == configured {
				require.NoError(t, err, configured)
			} else {
				require.ErrorIs(t, err, UnknownAlgorithm, "%s by %s", configured, signed)
			}
			for _, claimed := range append(Algorithms(), "none", "NONE", "hs256", "") {
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
	v := newVerifier(t, config(t))
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims(nil)).SignedString(ring().public(t, algorithm))
		require.NoError(t, err)
		_, err = v.Verify(t.Context(), token)
		require.ErrorIs(t, err, BadSignature, algorithm)
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
	c.Trusts[0].Keys = fixed(parseKey(t, "HS256", "one"), parseKey(t, "ES256", ""))
	v := newVerifier(t, c)
	for name, tt := range map[string]struct {
		algorithm string
		header    map[string]any
		want      Reason
	}{
		"the key's id":          {"HS256", map[string]any{"kid": "one"}, ""},
		"no id":                 {"HS256", nil, ""},
		"empty id":              {"HS256", map[string]any{"kid": ""}, ""},
		"another id":            {"HS256", map[string]any{"kid": "two"}, UnknownKey},
		"id of wrong type":      {"HS256", map[string]any{"kid": 1}, Malformed},
		"id for a key without":  {"ES256", map[string]any{"kid": "one"}, ""},
		"critical extension":    {"HS256", map[string]any{"crit": []string{"exp"}}, CriticalHeader},
		"empty critical header": {"HS256", map[string]any{"crit": nil}, CriticalHeader},
		"a key of its own":      {"HS256", map[string]any{"jwk": map[string]any{"kty": "oct", "k": "AAAA"}}, ""},
		"no algorithm":          {"HS256", map[string]any{"alg": nil}, UnknownAlgorithm},
		"unheard-of algorithm":  {"HS256", map[string]any{"alg": "XS256"}, UnknownAlgorithm},
		"not configured":        {"EdDSA", nil, UnknownAlgorithm},
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
	v := newVerifier(t, config(t))
	good := sign(t, "HS256", nil, claims(nil))
	parts := strings.Split(good, ".")
	for name, tt := range map[string]struct {
		token string
		want  Reason
	}{
		"empty":              {"", Malformed},
		"one part":           {parts[0], Malformed},
		"two parts":          {parts[0] + "." + parts[1], Malformed},
		"four parts":         {good + ".x", Malformed},
		"no signature":       {parts[0] + "." + parts[1] + ".", BadSignature},
		"padding":            {good + "=", Malformed},
		"not base64":         {"*" + good, Malformed},
		"header not JSON":    {"e30x." + parts[1] + "." + parts[2], Malformed},
		"claims not JSON":    {parts[0] + ".e30x." + parts[2], Malformed},
		"claims null":        {parts[0] + ".bnVsbA." + parts[2], BadSignature},
		"signature cut":      {good[:len(good)-4], BadSignature},
		"other claims":       {parts[0] + "." + strings.Split(sign(t, "HS256", nil, claims(jwt.MapClaims{"sub": "eve"})), ".")[1] + "." + parts[2], BadSignature},
		"as long as allowed": {good + strings.Repeat("A", 2000-len(good)), BadSignature},
		"too long":           {good + strings.Repeat("A", 2001-len(good)), TooLarge},
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
	fresh, err := ParseKey("HS256", "", []byte(strings.Repeat("another ", 4)))
	require.NoError(t, err)
	c.Trusts[0].Keys = fixed(fresh, parseKey(t, "HS256", ""))
	_, err = newVerifier(t, c).Verify(t.Context(), sign(t, "HS256", nil, claims(nil)))
	require.NoError(t, err)
	c.Trusts[0].Keys = fixed(fresh)
	_, err = newVerifier(t, c).Verify(t.Context(), sign(t, "HS256", nil, claims(nil)))
	require.ErrorIs(t, err, BadSignature)
}

func TestClaimsText(t *testing.T) {
	t.Parallel()
	got, err := newVerifier(t, config(t)).Verify(t.Context(), sign(t, "HS256", nil, claims(jwt.MapClaims{
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
