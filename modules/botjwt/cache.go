package botjwt

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/maypok86/otter/v2"
)

// cache remembers verified tokens by their hash, so that a token's signature is computed
// once. An entry holds for as long as the keys that verified it are the trust's present
// ones, and no longer than the token.
type cache struct {
	tokens *otter.Cache[[sha256.Size]byte, verified]
}

// verified is what was found out about a token.
type verified struct {
	claims  Claims
	trust   *Trust
	keys    *KeySet
	expires time.Time
}

// newCache makes a cache of at most size tokens.
func newCache(size int) (*cache, error) {
	tokens, err := otter.New(&otter.Options[[sha256.Size]byte, verified]{MaximumSize: size})
	if err != nil {
		return nil, fmt.Errorf("making the token cache: %w", err)
	}
	return &cache{tokens: tokens}, nil
}

func (c *cache) get(hash [sha256.Size]byte) (verified, bool) { return c.tokens.GetIfPresent(hash) }

// put leaves out tokens that never expire: nothing would end their entry.
func (c *cache) put(hash [sha256.Size]byte, v verified, values jwt.MapClaims) {
	expires, err := values.GetExpirationTime()
	if err != nil || expires == nil {
		return
	}
	v.expires = expires.Time
	c.tokens.Set(hash, v)
}
