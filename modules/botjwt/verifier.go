package botjwt

import (
	"errors"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Defaults of [Config].
const (
	DefaultLeeway       = 30 * time.Second
	DefaultUserClaim    = "sub"
	DefaultMaxTokenSize = 8000
)

// Config is what a [Verifier] asks of a token. All fields without "empty" are required.
type Config struct {
	// Keys are tried where their algorithm is the token's, and their ids are equal or
	// one of the two has none.
	Keys []Key
	// Issuers are the allowed values of "iss". Empty: any.
	Issuers []string
	// Audiences must share a value with "aud". Empty: any.
	Audiences []string
	// Scopes must all be in "scope" or "scp". Empty: none needed.
	Scopes []string
	// Leeway is how far "exp", "nbf" and "iat" may be off.
	Leeway time.Duration
	// UserClaim names the claim that identifies the user.
	UserClaim string
	// MaxTokenSize is the longest token in bytes.
	MaxTokenSize int
	// Now is the clock.
	Now func() time.Time
}

// Verifier verifies tokens. It may be used concurrently.
type Verifier struct {
	config  Config
	methods []string
	parser  *jwt.Parser
}

// NewVerifier makes a verifier.
func NewVerifier(c Config) *Verifier {
	v := &Verifier{config: c}
	for _, key := range c.Keys {
		v.methods = append(v.methods, key.algorithm)
	}
	v.parser = jwt.NewParser(
		// The choice of keys by algorithm is enough; this guards against a mistake there.
		jwt.WithValidMethods(v.methods),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(c.Leeway),
		jwt.WithTimeFunc(c.Now),
		jwt.WithStrictDecoding(),
	)
	return v
}

// Verify checks a token and returns its claims, or a [Reason]. With [NoScope] it
// returns the claims too.
func (v *Verifier) Verify(token string) (Claims, error) {
	if len(token) > v.config.MaxTokenSize {
		return Claims{}, TooLarge
	}
	values := jwt.MapClaims{}
	parsed, err := v.parser.ParseWithClaims(token, values, v.candidates)
	if err != nil {
		return Claims{}, v.reason(parsed, err)
	}
	if err := v.checkParties(values); err != nil {
		return Claims{}, err
	}
	claims := newClaims(values, token, v.config.UserClaim)
	if claims.User == "" {
		return Claims{}, NoUser
	}
	if !hasScopes(values, v.config.Scopes) {
		return claims, NoScope
	}
	return claims, nil
}

// candidates returns the keys that the token's own header leaves in question. What
// else the header brings along (jwk, jku, x5u, x5c) is never used.
func (v *Verifier) candidates(token *jwt.Token) (any, error) {
	if _, ok := token.Header["crit"]; ok {
		return nil, CriticalHeader
	}
	id := ""
	if given, ok := token.Header["kid"]; ok {
		if id, ok = given.(string); !ok {
			return nil, Malformed
		}
	}
	var set jwt.VerificationKeySet
	for _, key := range v.config.Keys {
		if key.algorithm == token.Method.Alg() && (id == "" || key.id == "" || id == key.id) {
			set.Keys = append(set.Keys, key.material)
		}
	}
	if len(set.Keys) == 0 {
		return nil, UnknownKey
	}
	return set, nil
}

func (v *Verifier) checkParties(values jwt.MapClaims) error {
	if len(v.config.Issuers) > 0 {
		issuer, err := values.GetIssuer()
		if err != nil || !slices.Contains(v.config.Issuers, issuer) {
			return BadIssuer
		}
	}
	if len(v.config.Audiences) > 0 {
		audiences, err := values.GetAudience()
		isOurs := func(audience string) bool { return slices.Contains(v.config.Audiences, audience) }
		if err != nil || !slices.ContainsFunc(audiences, isOurs) {
			return BadAudience
		}
	}
	return nil
}

// reason sorts the library's errors, which may be several at once.
func (v *Verifier) reason(token *jwt.Token, err error) Reason {
	if own := Reason(""); errors.As(err, &own) {
		return own
	}
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return Malformed
	case errors.Is(err, jwt.ErrTokenUnverifiable), !slices.Contains(v.methods, token.Method.Alg()):
		return UnknownAlgorithm
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return BadSignature
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return NoExpiry
	case errors.Is(err, jwt.ErrTokenExpired):
		return Expired
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return NotYetValid
	default:
		return BadClaims
	}
}
