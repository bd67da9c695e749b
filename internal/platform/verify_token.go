package platform

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/botgate/botgate/internal/jwk"
)

const (
	// maxToken is the longest token in bytes.
	maxToken = 8 << 10
	// tokenLeeway is how far the platform's clock may be off.
	tokenLeeway = 5 * time.Minute
)

// tokenKey is one key of a published key set.
type tokenKey struct {
	id           string
	public       *rsa.PublicKey
	endorsements []string
}

// parseTokenKeys reads the RSA keys for signatures in a JSON Web Key Set (RFC 7517). All
// others are left out.
func parseTokenKeys(raw []byte) (Secret, error) {
	set, err := jwk.Set(raw)
	if err != nil {
		return Secret{}, err
	}
	secret := Secret{keys: []tokenKey{}}
	for _, one := range set {
		key, err := jwk.Parse(one)
		if err != nil || key.KeyID == "" || key.Algorithm != "" && key.Algorithm != jwt.SigningMethodRS256.Alg() {
			continue
		}
		public, ok := key.Key.(*rsa.PublicKey)
		if !ok || jwk.CheckRSA(public) != nil {
			continue
		}
		secret.keys = append(secret.keys, tokenKey{id: key.KeyID, public: public, endorsements: endorsements(one)})
	}
	return secret, nil
}

// endorsements are the channels that a key of the Bot Framework may speak for.
func endorsements(key []byte) []string {
	var member struct{ Endorsements []string }
	if json.Unmarshal(key, &member) != nil {
		return nil
	}
	return member.Endorsements
}

// tokenScheme says what the tokens of a platform must say, and where its keys are. A platform that
// sends tokens embeds one, and has ParseSecret and [Keyed] from it.
type tokenScheme struct {
	issuer, audience string
	keys             KeySource
}

// ParseSecret takes the platform's key set.
func (tokenScheme) ParseSecret(raw []byte) (Secret, error) { return parseTokenKeys(raw) }

// Keys is where the platform publishes its keys.
func (s tokenScheme) Keys() KeySource { return s.keys }

// Audience is whom the tokens must be for.
func (s tokenScheme) Audience() string { return s.audience }

// verify checks the bearer token of a request, RS256 only, and returns its claims and
// the key that signed it.
func (s tokenScheme) verify(req *Request, secrets []Secret) (jwt.MapClaims, *tokenKey, error) {
	header := req.Header.Get("Authorization")
	if header == "" {
		return nil, nil, HeaderMissing
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || len(token) > maxToken {
		return nil, nil, badEncoding
	}
	var signer *tokenKey
	claims := jwt.MapClaims{}
	parser := jwt.NewParser(
		jwt.WithExpirationRequired(), jwt.WithLeeway(tokenLeeway), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return req.Now }),
		jwt.WithIssuer(s.issuer), jwt.WithAudience(s.audience),
	)
	_, err := parser.ParseWithClaims(strings.TrimSpace(token), claims, func(token *jwt.Token) (any, error) {
		if token.Method.Alg() != jwt.SigningMethodRS256.Alg() {
			return nil, badAlgorithm
		}
		if _, critical := token.Header["crit"]; critical {
			return nil, badEncoding
		}
		id, _ := token.Header["kid"].(string)
		if signer = findKey(secrets, id); signer == nil {
			return nil, UnknownKey
		}
		return signer.public, nil
	})
	if err != nil {
		return nil, nil, tokenReason(err)
	}
	return claims, signer, nil
}

func findKey(secrets []Secret, id string) *tokenKey {
	for _, secret := range secrets {
		for i := range secret.keys {
			if secret.keys[i].id == id {
				return &secret.keys[i]
			}
		}
	}
	return nil
}

// tokenReason sorts the library's errors, of which there may be several at once.
func tokenReason(err error) error {
	if own := Reason(""); errors.As(err, &own) {
		return own
	}
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return badEncoding
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return badAlgorithm
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return SignatureMismatch
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return tokenExpired
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return tokenNotYetValid
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return badIssuer
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return badAudience
	}
	return badEncoding
}
