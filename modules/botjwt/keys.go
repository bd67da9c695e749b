package botjwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/botgate/botgate/internal/jwk"
)

// verificationKey verifies the tokens of one algorithm.
type verificationKey struct {
	algorithm string
	id        string
	material  jwt.VerificationKey
}

// algorithms says, for each algorithm, why key material does not fit it. A curve has only one
// algorithm (RFC 7518, section 3.4).
var algorithms = map[string]func(material any) error{
	"HS256": needSecret(32), "HS384": needSecret(48), "HS512": needSecret(64),
	"RS256": needRSA, "RS384": needRSA, "RS512": needRSA, "PS256": needRSA, "PS384": needRSA, "PS512": needRSA,
	"ES256": needECDSA(elliptic.P256()), "ES384": needECDSA(elliptic.P384()), "ES512": needECDSA(elliptic.P521()),
	"EdDSA": needEd25519,
}

// ed25519Name is what RFC 9864 calls the algorithm that was "EdDSA" in RFC 8037, with the only curve
// of the two that is supported here. Tokens and keys may use either name.
const ed25519Name = "Ed25519"

// The parser knows the algorithm by the older name, and from here on by both. The salt of the PS
// algorithms is as long as the hash (RFC 7518, section 3.5), where the library takes any.
func init() {
	jwt.RegisterSigningMethod(ed25519Name, func() jwt.SigningMethod { return jwt.SigningMethodEdDSA })
	for _, method := range []*jwt.SigningMethodRSAPSS{jwt.SigningMethodPS256, jwt.SigningMethodPS384, jwt.SigningMethodPS512} {
		strict := *method
		strict.VerifyOptions = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		jwt.RegisterSigningMethod(method.Alg(), func() jwt.SigningMethod { return &strict })
	}
}

// canonical returns the name under which an algorithm is known here.
func canonical(algorithm string) string {
	if algorithm == ed25519Name {
		return jwt.SigningMethodEdDSA.Alg()
	}
	return algorithm
}

// algorithmNames lists the supported algorithms in alphabetical order.
func algorithmNames() []string { return slices.Sorted(maps.Keys(algorithms)) }

// needSecret takes secrets of the hash's size, the least that RFC 7518 section 3.2 allows.
func needSecret(minBytes int) func(material any) error {
	return func(material any) error {
		if secret, ok := material.([]byte); !ok || len(secret) < minBytes {
			return fmt.Errorf("needs a secret of at least %d bytes, this one has %d", minBytes, len(secret))
		}
		return nil
	}
}

func needRSA(material any) error {
	key, ok := material.(*rsa.PublicKey)
	if !ok {
		return errors.New("needs an RSA key")
	}
	return jwk.CheckRSA(key)
}

func needECDSA(curve elliptic.Curve) func(material any) error {
	return func(material any) error {
		if key, ok := material.(*ecdsa.PublicKey); !ok || key.Curve != curve {
			return fmt.Errorf("needs an ECDSA key on the curve %s", curve.Params().Name)
		}
		return nil
	}
}

func needEd25519(material any) error {
	if _, ok := material.(ed25519.PublicKey); !ok {
		return errors.New("needs an Ed25519 key")
	}
	return nil
}

// parseKey makes a key for tokens of that algorithm. HS algorithms take the secret's own
// bytes, the others a public key or a certificate in PEM; a certificate's dates are not looked
// at. The id may be empty: the key then fits every token of its algorithm.
func parseKey(algorithm, id string, raw []byte) (verificationKey, error) {
	algorithm = canonical(algorithm)
	check, ok := algorithms[algorithm]
	if !ok {
		return verificationKey{}, errUnknownAlgorithm(algorithm)
	}
	parse := parsePublic
	if strings.HasPrefix(algorithm, "HS") {
		parse = parseSecret
	}
	material, err := parse(raw)
	if err == nil {
		err = check(material)
	}
	if err != nil {
		return verificationKey{}, fmt.Errorf("%s %w", algorithm, err)
	}
	return verificationKey{algorithm: algorithm, id: id, material: material}, nil
}

func errUnknownAlgorithm(name string) error {
	return fmt.Errorf("unknown algorithm %q; there are %s", name, strings.Join(algorithmNames(), ", "))
}

func parseSecret(raw []byte) (any, error) {
	// A public key taken for a secret would let everybody sign.
	if block, _ := pem.Decode(raw); block != nil {
		return nil, errors.New("needs a secret, not a key in PEM")
	}
	return slices.Clone(raw), nil
}

func parsePublic(raw []byte) (key any, err error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, errors.New("needs a public key in PEM")
	}
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = certificate.PublicKey
		}
	default:
		return nil, fmt.Errorf("needs a public key, not a PEM block of type %q", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("has a malformed key: %w", err)
	}
	return key, nil
}

// fromJWK makes the keys for the algorithms that a JSON Web Key fits: the one that it
// names, or those of its type. A key that fits none makes none.
func fromJWK(key jose.JSONWebKey) (keys []verificationKey) {
	named := canonical(key.Algorithm)
	for algorithm, check := range algorithms {
		if (named == "" || named == algorithm) && check(key.Key) == nil {
			keys = append(keys, verificationKey{algorithm: algorithm, id: key.KeyID, material: key.Key})
		}
	}
	return keys
}

// parseJWKs reads a file with a JSON Web Key or a set of them (RFC 7517). Of private keys
// the public part is used. A key that no algorithm fits is an error: the file is the
// operator's own.
func parseJWKs(raw []byte) ([]verificationKey, error) {
	set, err := jwk.Set(raw)
	if err != nil {
		set = []json.RawMessage{raw}
	}
	var keys []verificationKey
	for i, one := range set {
		key, err := jwk.Parse(one)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		if _, secret := key.Key.([]byte); !secret && !key.IsPublic() {
			key = key.Public()
		}
		fitting := fromJWK(key)
		if len(fitting) == 0 {
			return nil, fmt.Errorf("key %d fits no algorithm, or another than it names", i+1)
		}
		keys = append(keys, fitting...)
	}
	return keys, nil
}
