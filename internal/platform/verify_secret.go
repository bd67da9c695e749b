package platform

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"sync"
)

// Secret is a checked secret, or public key, of one platform. It prints as "[secret]" in
// every format. The zero value verifies nothing and signs with an empty signature.
type Secret struct {
	// macs holds keyed HMACs (*keyedMAC): for small bodies, keying costs as much as hashing does.
	macs *sync.Pool
	// token is sent as it is and compared.
	token []byte
	// public verifies Ed25519 signatures.
	public ed25519.PublicKey
	// keys verify JSON Web Tokens.
	keys []tokenKey
	// size is how many bytes of it are secret; 0 for public keys.
	size int
}

// decodeBase64 takes the padding or its absence: copied secrets often lose it.
func decodeBase64(text string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}

var errEmptySecret = errors.New("the secret is empty")

// newMACSecret makes a secret for HMACs with that hash.
func newMACSecret(newHash func() hash.Hash, key []byte) (Secret, error) {
	if len(key) == 0 {
		return Secret{}, errEmptySecret
	}
	key = bytes.Clone(key)
	return Secret{macs: &sync.Pool{New: func() any { return &keyedMAC{Hash: hmac.New(newHash, key)} }}, size: len(key)}, nil
}

// keyedMAC is an HMAC with room for what it makes.
type keyedMAC struct {
	hash.Hash
	space [sha512.Size]byte
}

// Format implements [fmt.Formatter], so that no verb and no logger shows more.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// sum returns the HMAC of the joined parts; nil for a secret of another kind.
func (s Secret) sum(parts ...[]byte) []byte { return s.appendSum(nil, parts...) }

// appendSum appends the HMAC of the joined parts; nothing for a secret of another kind.
func (s Secret) appendSum(to []byte, parts ...[]byte) []byte {
	if s.macs == nil {
		return to
	}
	mac := s.macs.Get().(*keyedMAC)
	defer s.macs.Put(mac)
	mac.Reset()
	for _, part := range parts {
		mac.Write(part)
	}
	return append(to, mac.Sum(mac.space[:0])...)
}

// anyMAC reports whether one of the secrets made one of the signatures of the joined parts.
func anyMAC(secrets []Secret, signatures [][]byte, parts ...[]byte) bool {
	for _, secret := range secrets {
		if secret.macs == nil {
			continue
		}
		sum := secret.sum(parts...)
		if slices.ContainsFunc(signatures, func(signature []byte) bool { return hmac.Equal(signature, sum) }) {
			return true
		}
	}
	return false
}

// anyEd25519 is anyMAC for public keys.
func anyEd25519(secrets []Secret, signatures [][]byte, parts ...[]byte) bool {
	var message []byte
	for _, secret := range secrets {
		if secret.public == nil || len(signatures) == 0 {
			continue
		}
		if message == nil {
			message = slices.Concat(parts...)
		}
		for _, signature := range signatures {
			if ed25519.Verify(secret.public, message, signature) {
				return true
			}
		}
	}
	return false
}
