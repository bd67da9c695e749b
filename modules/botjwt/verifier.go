package botjwt

import (
	"context"
	"crypto/sha256"
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
	DefaultCacheSize    = 10_000
)

// Config is what a [Verifier] asks of a token. All fields without "empty" are required.
type Config struct {
	// Trusts say who may issue tokens. A token is that of the trust with its issuer, else
	// of the one that names no issuer.
	Trusts []*Trust
	// Algorithms are those that any of the trusts' keys may have. Empty: all there are.
	Algorithms []string
	// Scopes must all be in "scope" or "scp". Empty: none needed.
	Scopes []string
	// Require are claims that must have one of the values. Empty: none.
	Require map[string][]string
	// WithoutExpiry lets tokens without "exp" pass.
	WithoutExpiry bool
	// Leeway is how far "exp", "nbf" and "iat" may be off.
	Leeway time.Duration
	// UserClaim names the claim that identifies the user.
	UserClaim string
	// MaxTokenSize is the longest token in bytes.
	MaxTokenSize int
	// CacheSize is how many verified tokens are remembered. Zero: none.
	CacheSize int
	// Now is the clock.
	Now func() time.Time
}

// Verifier verifies tokens. It may be used concurrently.
type Verifier struct {
	config  Config
	methods []string
	parser  *jwt.Parser
	cache   *cache
}

// NewVerifier makes a verifier.
func NewVerifier(c Config) (*Verifier, error) {
	v := &Verifier{config: c, methods: c.Algorithms}
	if len(v.methods) == 0 {
		v.methods = Algorithms()
	}
	options := []jwt.ParserOption{
		// The choice of keys by algorithm is enough; this guards against a mistake there.
		jwt.WithValidMethods(v.methods),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(c.Leeway),
		jwt.WithTimeFunc(c.Now),
		jwt.WithStrictDecoding(),
	}
	if !c.WithoutExpiry {
		options = append(options, jwt.WithExpirationRequired())
	}
	v.parser = jwt.NewParser(options...)
	if c.CacheSize == 0 {
		return v, nil
	}
	var err error
	v.cache, err = newCache(c.CacheSize)
	return v, err
}

// Verify checks a token and returns its claims, or a [Reason]. With [NoScope] it
// returns the claims too.
func (v *Verifier) Verify(ctx context.Context, token string) (Claims, error) {
	if len(token) > v.config.MaxTokenSize {
		return Claims{}, TooLarge
	}
	if v.cache == nil {
		found, _, err := v.verify(ctx, token)
		return found.claims, err
	}
	hash := sha256.Sum256([]byte(token))
	if found, ok := v.cache.get(hash); ok && v.holds(ctx, found) {
		return found.claims, nil
	}
	found, values, err := v.verify(ctx, token)
	if err == nil {
		v.cache.put(hash, found, values)
	}
	return found.claims, err
}

// holds reports whether what was verified once still is: the token is of age, and its
// trust has the keys of then.
func (v *Verifier) holds(ctx context.Context, found verified) bool {
	if !v.config.Now().Before(found.expires.Add(v.config.Leeway)) {
		return false
	}
	keys, err := found.trust.Keys.Current(ctx)
	return err == nil && keys == found.keys
}

func (v *Verifier) verify(ctx context.Context, token string) (verified, jwt.MapClaims, error) {
	var found verified
	values := jwt.MapClaims{}
	parsed, err := v.parser.ParseWithClaims(token, values, func(token *jwt.Token) (any, error) {
		return v.candidates(ctx, token, values, &found)
	})
	if err != nil {
		return verified{}, nil, v.reason(parsed, err)
	}
	if err := found.trust.check(values); err != nil {
		return verified{}, nil, err
	}
	if !hasClaims(values, v.config.Require) {
		return verified{}, nil, MissingClaim
	}
	found.claims = newClaims(values, token, v.config.UserClaim)
	if found.claims.User == "" {
		return verified{}, nil, NoUser
	}
	if !hasScopes(values, v.config.Scopes) {
		return found, nil, NoScope
	}
	return found, values, nil
}

// candidates returns the keys that the token's own header leaves in question, and notes
// whose they are. What else the header brings along (jwk, jku, x5u, x5c) is never used.
func (v *Verifier) candidates(ctx context.Context, token *jwt.Token, values jwt.MapClaims, found *verified) (any, error) {
	if _, ok := token.Header["crit"]; ok {
		return nil, CriticalHeader
	}
	id := ""
	if given, ok := token.Header["kid"]; ok {
		if id, ok = given.(string); !ok {
			return nil, Malformed
		}
	}
	var err error
	if found.trust, err = trustOf(v.config.Trusts, values); err != nil {
		return nil, err
	}
	if found.keys, err = found.trust.Keys.Current(ctx); err != nil {
		return nil, KeysUnavailable
	}
	if matching := found.keys.matching(token.Method.Alg(), id); len(matching.Keys) > 0 {
		return matching, nil
	}
	if newer, ok := found.trust.Keys.Newer(ctx); ok {
		found.keys = newer
	}
	matching := found.keys.matching(token.Method.Alg(), id)
	switch {
	case len(matching.Keys) > 0:
		return matching, nil
	case !found.keys.serves(token.Method.Alg()):
		return nil, UnknownAlgorithm
	}
	return nil, UnknownKey
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
