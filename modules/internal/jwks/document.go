package jwks

import (
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/botgate/botgate/internal/jwk"
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

// errSecret is for a secret that anybody can fetch, which is none.
var errSecret = errors.New("it is a secret")

// parse reads a JSON Web Key Set (RFC 7517, section 5). A set without usable keys is one:
// whoever empties it means that no token shall pass. Keys that are wrong are left out, for the
// others to stay of use, and leftOut says why.
func parse(raw []byte) (keys []jose.JSONWebKey, leftOut, err error) {
	set, err := jwk.Set(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("parsing the key set: %w", err)
	}
	for i, one := range set {
		key, err := parseKey(one)
		switch {
		case err == nil:
			keys = append(keys, key)
		case !errors.Is(err, jwk.ErrOtherUse):
			leftOut = errors.Join(leftOut, fmt.Errorf("key %d: %w", i+1, err))
		}
	}
	return keys, leftOut, nil
}

func parseKey(raw []byte) (jose.JSONWebKey, error) {
	key, err := jwk.Parse(raw)
	if err != nil {
		return key, err
	}
	if _, secret := key.Key.([]byte); secret {
		return key, errSecret
	}
	if !key.IsPublic() {
		key = key.Public()
	}
	return key, nil
}
