package botjwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// curveAlgorithm is the only algorithm that fits each curve (RFC 7518, section 3.4).
var curveAlgorithm = map[elliptic.Curve]string{elliptic.P256(): "ES256", elliptic.P384(): "ES384", elliptic.P521(): "ES512"}

// rsaAlgorithms fit every RSA key that does not say which it is for.
var rsaAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}

// fromJWK makes the keys for the algorithms that a JSON Web Key fits: the one that it
// names, or those of its type. A key that fits none makes none.
func fromJWK(jwk jose.JSONWebKey) []Key {
	if jwk.Use != "" && jwk.Use != "sig" {
		return nil
	}
	fitting := fittingAlgorithms(jwk.Key)
	if jwk.Algorithm != "" {
		if !slices.Contains(fitting, jwk.Algorithm) {
			return nil
		}
		fitting = []string{jwk.Algorithm}
	}
	keys := make([]Key, len(fitting))
	for i, algorithm := range fitting {
		keys[i] = Key{algorithm: algorithm, id: jwk.KeyID, material: jwk.Key}
	}
	return keys
}

func fittingAlgorithms(key any) []string {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSABits {
			return rsaAlgorithms
		}
	case *ecdsa.PublicKey:
		if algorithm, ok := curveAlgorithm[key.Curve]; ok {
			return []string{algorithm}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}
	case []byte:
		return secretAlgorithms(len(key))
	}
	return nil
}

// secretAlgorithms fit a secret of that many bytes.
func secretAlgorithms(size int) []string {
	fitting := []string{}
	for algorithm, minBytes := range map[string]int{"HS256": 32, "HS384": 48, "HS512": 64} {
		if size >= minBytes {
			fitting = append(fitting, algorithm)
		}
	}
	return fitting
}

// ParseJWK reads a file with a JSON Web Key or a set of them (RFC 7517). Of private keys
// the public part is used. A key that no algorithm fits is an error: the file is the
// operator's own.
func ParseJWK(raw []byte) ([]Key, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, errors.New("it is not a JSON Web Key Set")
	}
	if set.Keys == nil {
		var one jose.JSONWebKey
		if err := one.UnmarshalJSON(raw); err != nil {
			return nil, errors.New("it is not a JSON Web Key")
		}
		set.Keys = []jose.JSONWebKey{one}
	}
	var keys []Key
	for i, jwk := range set.Keys {
		if _, secret := jwk.Key.([]byte); !secret && !jwk.IsPublic() {
			jwk = jwk.Public()
		}
		fitting := fromJWK(jwk)
		if len(fitting) == 0 {
			return nil, fmt.Errorf("key %d fits no algorithm, or another than it names", i+1)
		}
		keys = append(keys, fitting...)
	}
	return keys, nil
}
