package platform

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
)

// Secret is a checked secret of one platform. It prints as "[secret]" in every format.
// The zero value verifies nothing and signs with an empty signature.
type Secret struct {
	// macs holds keyed HMACs: for small bodies, keying costs as much as hashing does.
	macs *sync.Pool
}

var errEmptySecret = errors.New("the secret is empty")

func newSecret(key []byte) Secret {
	key = bytes.Clone(key)
	return Secret{macs: &sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// Format implements [fmt.Formatter], so that no verb and no logger shows more.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// usable is false for the zero value.
func (s Secret) usable() bool { return s.macs != nil }

// sum returns the HMAC-SHA256 of the joined parts.
func (s Secret) sum(parts ...[]byte) []byte {
	if !s.usable() {
		return nil
	}
	mac := s.macs.Get().(hash.Hash)
	defer s.macs.Put(mac)
	mac.Reset()
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}
