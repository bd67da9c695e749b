// Package jwk reads JSON Web Keys (RFC 7517) as those publish them who issue tokens, where
// more than one of them takes the standard loosely.
package jwk

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

const (
	// minRSABits is the least that RFC 7518 section 3.3 allows.
	minRSABits = 2048
	// maxRSABits bounds what one signature can cost.
	maxRSABits = 8192
	// minExponent is the least that RFC 8017 section 3.1 allows: with 1, everybody can sign.
	minExponent = 3
)

// ErrOtherUse means that the key is good and not for verifying signatures: its "use" or its
// "key_ops" say so, or nothing here knows its kind.
var ErrOtherUse = errors.New("the key is not for verifying signatures")

// encoded are the members in base64url (RFC 7518, section 6), which the standard wants without
// padding.
var encoded = []string{"k", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi"}

// known are the other members that are read. Thumbprints of certificates are not: the numbers
// are all that a signature needs.
var known = []string{"kty", "crv", "kid", "alg", "use"}

// CheckRSA reports an RSA key that is too weak to trust, or so large that verifying with it costs too
// much.
func CheckRSA(key *rsa.PublicKey) error {
	switch bits := key.N.BitLen(); {
	case bits < minRSABits:
		return fmt.Errorf("needs an RSA key of at least %d bits, this one has %d", minRSABits, bits)
	case bits > maxRSABits:
		return fmt.Errorf("needs an RSA key of at most %d bits, this one has %d", maxRSABits, bits)
	case key.E < minExponent || key.E%2 == 0 || key.E > math.MaxInt32:
		return fmt.Errorf("needs an RSA key with an odd exponent from %d to 2^31-1", minExponent)
	}
	return nil
}

// Set returns the raw keys of a JSON Web Key Set (RFC 7517, section 5). A document without
// the member "keys" is an error.
func Set(raw []byte) ([]json.RawMessage, error) {
	var set struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, errors.New("it is not a JSON Web Key Set")
	}
	if set.Keys == nil {
		return nil, errors.New(`it has no member "keys"`)
	}
	return *set.Keys, nil
}

// Parse reads one key that may verify signatures: a public key, a private one or a secret. Any
// other is [ErrOtherUse]. Base64 may be padded. A certificate ("x5c") that does not parse is as
// good as none; one that does must be that of the key.
func Parse(raw []byte) (jose.JSONWebKey, error) {
	var key jose.JSONWebKey
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return key, errors.New("it is not a JSON Web Key")
	}
	clean, err := cleaned(members)
	if err != nil {
		return key, err
	}
	switch err := key.UnmarshalJSON(clean); {
	case errors.Is(err, jose.ErrUnsupportedKeyType):
		return key, ErrOtherUse
	case err != nil:
		return key, errors.New("it is not a JSON Web Key") // The library's errors can have parts of the key.
	case !isSecret(key) && !key.Valid():
		return key, errors.New("it is not a valid JSON Web Key")
	}
	return key, mayVerify(members, key)
}

// cleaned writes the members that are read as the library wants them.
func cleaned(members map[string]json.RawMessage) ([]byte, error) {
	kept := map[string]any{}
	for _, name := range known {
		if value, ok := members[name]; ok {
			kept[name] = value
		}
	}
	for _, name := range encoded {
		var text *string
		if err := unmarshal(members, name, &text); err != nil {
			return nil, err
		}
		if text != nil {
			kept[name] = strings.TrimRight(*text, "=")
		}
	}
	if leaf := certificate(members["x5c"]); leaf != "" {
		kept["x5c"] = []string{leaf}
	}
	return json.Marshal(kept)
}

// certificate returns the first of a chain, if it parses.
func certificate(raw json.RawMessage) string {
	var chain []string
	if raw == nil || json.Unmarshal(raw, &chain) != nil || len(chain) == 0 {
		return ""
	}
	der, err := base64.StdEncoding.DecodeString(chain[0])
	if err != nil {
		return ""
	}
	if _, err := x509.ParseCertificate(der); err != nil {
		return ""
	}
	return chain[0]
}

// mayVerify asks "use" and "key_ops" (RFC 7517, sections 4.2 and 4.3) whether the key, or the
// public part of a private one, is for verifying.
func mayVerify(members map[string]json.RawMessage, key jose.JSONWebKey) error {
	var operations *[]string
	if err := unmarshal(members, "key_ops", &operations); err != nil {
		return err
	}
	if key.Use != "" && key.Use != "sig" {
		return ErrOtherUse
	}
	if operations == nil || slices.Contains(*operations, "verify") {
		return nil
	}
	if !isSecret(key) && !key.IsPublic() && slices.Contains(*operations, "sign") {
		return nil
	}
	return ErrOtherUse
}

func isSecret(key jose.JSONWebKey) bool {
	_, secret := key.Key.([]byte)
	return secret
}

// unmarshal reads a member that may be missing.
func unmarshal(members map[string]json.RawMessage, name string, into any) error {
	raw, ok := members[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("its member %q is malformed", name)
	}
	return nil
}
