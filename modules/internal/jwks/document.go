package jwks

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Document is one version of a key set. It is not changed after it was made.
type Document struct {
	// Raw is the document as it was served.
	Raw []byte
	// Keys are the public keys in it that may verify signatures. Secrets, keys for other
	// uses and keys of unknown kinds are left out.
	Keys []jose.JSONWebKey
	// Version differs between documents of one source that differ.
	Version uint64
}

// parse reads a JSON Web Key Set (RFC 7517, section 5). A set without usable keys is one:
// whoever empties it means that no token shall pass.
func parse(raw []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("parsing the key set: %w", err)
	}
	if set.Keys == nil {
		return nil, errors.New(`parsing the key set: it has no member "keys"`)
	}
	var keys []jose.JSONWebKey
	for _, one := range *set.Keys {
		if key, ok := parseKey(one); ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// parseKey leaves out what one key can be wrong with, for the others to stay of use
// (RFC 7517, section 5).
func parseKey(raw []byte) (jose.JSONWebKey, bool) {
	var key jose.JSONWebKey
	if key.UnmarshalJSON(raw) != nil {
		return key, false
	}
	if key.Use != "" && key.Use != "sig" {
		return key, false
	}
	// A secret that anybody can fetch is none.
	if _, secret := key.Key.([]byte); secret {
		return key, false
	}
	if !key.IsPublic() {
		key = key.Public()
	}
	return key, key.Valid()
}
