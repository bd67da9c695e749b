package event

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"
)

// NewID returns a fresh id for an event whose sender gave no key: a UUIDv7 (RFC 9562).
func NewID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("event: making an id: %w", err)
	}
	return id.String(), nil
}

// DeriveID returns the id of an event whose sender gave a key: a UUIDv8 (RFC 9562)
// over the bot, the scope and the key. A repeat has the same id on every gateway
// without any shared state. The scope says within what the key is unique (a
// platform, or one API client), so that two senders cannot take each other's keys.
func DeriveID(bot, scope, key string) string {
	hash := sha256.New()
	for _, part := range []string{bot, scope, key} {
		// Length prefixes keep ("a","bc") and ("ab","c") apart.
		_ = binary.Write(hash, binary.BigEndian, uint64(len(part)))
		hash.Write([]byte(part))
	}
	var id uuid.UUID
	copy(id[:], hash.Sum(nil))
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}
