package botjwt

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/maypok86/otter/v2"
)

// Defaults of [verifierConfig].
const (
	defaultLeeway       = 30 * time.Second
	defaultUserClaim    = "sub"
	defaultBotClaim     = "bot"
	defaultMaxTokenSize = 8000
	defaultCacheSize    = 10_000
)

// verifierConfig is what a [verifier] asks of a token. All fields without "empty" are required.
type verifierConfig struct {
	// Trusts say who may issue tokens. A token is that of the trust with its issuer, else
	// of the one that names no issuer.
	Trusts []*trust
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
	// BotClaim names the claim that says for which bot the token is.
	BotClaim string
	// MaxTokenSize is the longest token in bytes.
	MaxTokenSize int
	// CacheSize is how many verified tokens are remembered. Zero: none.
	CacheSize int
	// Names tell the users of issuers apart.
	Names *names
	// Now is the clock.
	Now func() time.Time
}

// verifier verifies tokens. It may be used concurrently.
type verifier struct {
	config  verifierConfig
	methods []string
	parser  *jwt.Parser
	// cache remembers verified tokens by their hash, so that a token's signature is computed
	// once. An entry holds for as long as the keys that verified it are the trust's present
	// ones, and no longer than the token.
	cache *otter.Cache[[sha256.Size]byte, verified]
}

// verified is what was found out about a token.
type verified struct {
	claims *tokenClaims
	trust  *trust
	keys   *keySet
}

// newVerifier makes a verifier.
func newVerifier(c verifierConfig) (*verifier, error) {
	v := &verifier{config: c, methods: c.Algorithms}
	if len(v.methods) == 0 {
		v.methods = algorithmNames()
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
	if v.cache, err = otter.New(&otter.Options[[sha256.Size]byte, verified]{MaximumSize: c.CacheSize}); err != nil {
		return nil, fmt.Errorf("making the token cache: %w", err)
	}
	return v, nil
}

// usualToken is the size in bytes up to which the hash of a token needs no memory of its own.
const usualToken = 2048

// Verify checks a token and returns its claims, or a [reason]. With [reasonNoScope] it
// returns the claims too.
func (v *verifier) Verify(ctx context.Context, token string) (*tokenClaims, error) {
	if len(token) > v.config.MaxTokenSize {
		return nil, reasonTooLarge
	}
	if v.cache == nil {
		found, err := v.verify(ctx, token)
		return found.claims, err
	}
	var space [usualToken]byte
	hash := sha256.Sum256(append(space[:0], token...))
	if found, ok := v.cache.GetIfPresent(hash); ok && v.holds(ctx, found) {
		return found.claims, nil
	}
	found, err := v.verify(ctx, token)
	// Nothing would end the entry of a token that never expires.
	if err == nil && !found.claims.expires.IsZero() {
		v.cache.Set(hash, found)
	}
	return found.claims, err
}

// holds reports whether what was verified once still is: the token is of age, and its
// trust has the keys of then.
func (v *verifier) holds(ctx context.Context, found verified) bool {
	if !v.config.Now().Before(found.claims.expires.Add(v.config.Leeway)) {
		return false
	}
	keys, err := found.trust.Keys.Current(ctx)
	return err == nil && keys == found.keys
}

func (v *verifier) verify(ctx context.Context, token string) (verified, error) {
	var found verified
	values := jwt.MapClaims{}
	parsed, err := v.parser.ParseWithClaims(token, values, func(token *jwt.Token) (any, error) {
		return v.candidates(ctx, token, values, &found)
	})
	if err != nil {
		return verified{}, v.reason(parsed, err)
	}
	if err := found.trust.check(values); err != nil {
		return verified{}, err
	}
	if err := found.trust.bind(values); err != nil {
		return verified{}, err
	}
	if !hasClaims(values, v.config.Require) {
		return verified{}, reasonMissingClaim
	}
	found.claims = newClaims(values, token, v.config.UserClaim, v.config.BotClaim)
	if found.claims.User, err = v.config.Names.nameUser(found.trust, found.claims.User); err != nil {
		return verified{}, err
	}
	if !hasScopes(values, v.config.Scopes) {
		return found, reasonNoScope
	}
	return found, nil
}

// candidates returns the keys that the token's own header leaves in question, and notes
// whose they are. What else the header brings along (jwk, jku, x5u, x5c) is never used.
func (v *verifier) candidates(ctx context.Context, token *jwt.Token, values jwt.MapClaims, found *verified) (any, error) {
	if _, ok := token.Header["crit"]; ok {
		return nil, reasonCriticalHeader
	}
	id := ""
	if given, ok := token.Header["kid"]; ok {
		if id, ok = given.(string); !ok {
			return nil, reasonMalformed
		}
	}
	var err error
	if found.trust, err = trustOf(v.config.Trusts, values); err != nil {
		return nil, err
	}
	if found.keys, err = found.trust.Keys.Current(ctx); err != nil {
		return nil, reasonKeysUnavailable
	}
	if matching := found.keys.matching(token.Method.Alg(), id); len(matching.Keys) > 0 {
		return matching, nil
	}
	if found.keys, err = found.trust.Keys.Newest(ctx); err != nil {
		return nil, reasonKeysUnavailable
	}
	matching := found.keys.matching(token.Method.Alg(), id)
	switch {
	case len(matching.Keys) > 0:
		return matching, nil
	case !found.keys.serves(token.Method.Alg()) && !found.keys.lacks(id):
		return nil, reasonUnknownAlgorithm
	}
	return nil, reasonUnknownKey
}

// reason sorts the library's errors, which may be several at once.
func (v *verifier) reason(token *jwt.Token, err error) reason {
	if own := reason(""); errors.As(err, &own) {
		return own
	}
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return reasonMalformed
	case errors.Is(err, jwt.ErrTokenUnverifiable), !slices.Contains(v.methods, token.Method.Alg()):
		return reasonUnknownAlgorithm
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return reasonBadSignature
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return reasonNoExpiry
	case errors.Is(err, jwt.ErrTokenExpired):
		return reasonExpired
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return reasonNotYetValid
	default:
		return reasonBadClaims
	}
}
