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

const (
	// minSecretBytes is the size of the hash, the least that RFC 7518 section 3.2 allows.
	minSecretBytes = 32
	// minRSABits is the least that RFC 7518 section 3.3 allows.
	minRSABits = 2048
)

// Key verifies the tokens of one algorithm. Make keys with [ParseKey].
type Key struct {
	algorithm string
	id        string
	material  jwt.VerificationKey
}

// algorithms says, for each algorithm, which key material fits it.
var algorithms = map[string]func(raw []byte) (jwt.VerificationKey, error){
	"HS256": hmacSecret,
	"RS256": rsaPublicKey,
	"ES256": p256PublicKey,
	"EdDSA": ed25519PublicKey,
}

// Algorithms lists the supported algorithms in alphabetical order.
func Algorithms() []string { return slices.Sorted(maps.Keys(algorithms)) }

// ParseKey makes a key for tokens of that algorithm. HS256 takes the secret's own bytes,
// the others a public key or a certificate in PEM; a certificate's dates are not looked
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

func hmacSecret(raw []byte) (jwt.VerificationKey, error) {
	// A public key taken for a secret would let everybody sign.
	if block, _ := pem.Decode(raw); block != nil {
		return nil, errors.New("needs a secret, not a key in PEM")
	}
	if len(raw) < minSecretBytes {
		return nil, fmt.Errorf("needs a secret of at least %d bytes, this one has %d", minSecretBytes, len(raw))
	}
	return slices.Clone(raw), nil
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

func p256PublicKey(raw []byte) (jwt.VerificationKey, error) {
	parsed, err := publicKey(raw)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("needs an ECDSA key on the curve P-256")
	}
	return key, nil
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
