package botjwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// minRSABits is the least that RFC 7518 section 3.3 allows.
const minRSABits = 2048

// Key verifies the tokens of one algorithm. Make keys with [ParseKey].
type Key struct {
	algorithm string
	id        string
	material  jwt.VerificationKey
}

// algorithms says, for each algorithm, which key material fits it.
var algorithms = map[string]func(raw []byte) (jwt.VerificationKey, error){
	"HS256": secretOf(32), "HS384": secretOf(48), "HS512": secretOf(64),
	"RS256": rsaPublicKey, "RS384": rsaPublicKey, "RS512": rsaPublicKey,
	"PS256": rsaPublicKey, "PS384": rsaPublicKey, "PS512": rsaPublicKey,
	"ES256": ecdsaPublicKey(elliptic.P256()), "ES384": ecdsaPublicKey(elliptic.P384()), "ES512": ecdsaPublicKey(elliptic.P521()),
	"EdDSA": ed25519PublicKey,
}

// Algorithms lists the supported algorithms in alphabetical order.
func Algorithms() []string { return slices.Sorted(maps.Keys(algorithms)) }

// ParseKey makes a key for tokens of that algorithm. HS algorithms take the secret's own
// bytes, the others a public key or a certificate in PEM; a certificate's dates are not looked
// at. The id may be empty: the key then fits every token of its algorithm.
func ParseKey(algorithm, id string, raw []byte) (Key, error) {
	parse, ok := algorithms[algorithm]
	if !ok {
		return Key{}, fmt.Errorf("unknown algorithm %q; there are %s", algorithm, strings.Join(Algorithms(), ", "))
	}
	material, err := parse(raw)
	if err != nil {
		return Key{}, fmt.Errorf("%s %w", algorithm, err)
	}
	return Key{algorithm: algorithm, id: id, material: material}, nil
}

// secretOf takes secrets of the hash's size, the least that RFC 7518 section 3.2 allows.
func secretOf(minBytes int) func(raw []byte) (jwt.VerificationKey, error) {
	return func(raw []byte) (jwt.VerificationKey, error) {
		// A public key taken for a secret would let everybody sign.
		if block, _ := pem.Decode(raw); block != nil {
			return nil, errors.New("needs a secret, not a key in PEM")
		}
		if len(raw) < minBytes {
			return nil, fmt.Errorf("needs a secret of at least %d bytes, this one has %d", minBytes, len(raw))
		}
		return slices.Clone(raw), nil
	}
}

func rsaPublicKey(raw []byte) (jwt.VerificationKey, error) {
	parsed, err := publicKey(raw)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("needs an RSA key")
	}
	if bits := key.N.BitLen(); bits < minRSABits {
		return nil, fmt.Errorf("needs an RSA key of at least %d bits, this one has %d", minRSABits, bits)
	}
	return key, nil
}

func ecdsaPublicKey(curve elliptic.Curve) func(raw []byte) (jwt.VerificationKey, error) {
	return func(raw []byte) (jwt.VerificationKey, error) {
		parsed, err := publicKey(raw)
		if err != nil {
			return nil, err
		}
		key, ok := parsed.(*ecdsa.PublicKey)
		if !ok || key.Curve != curve {
			return nil, fmt.Errorf("needs an ECDSA key on the curve %s", curve.Params().Name)
		}
		return key, nil
	}
}

func ed25519PublicKey(raw []byte) (jwt.VerificationKey, error) {
	parsed, err := publicKey(raw)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("needs an Ed25519 key")
	}
	return key, nil
}

func publicKey(raw []byte) (key any, err error) {
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
