package event

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"
)

// NewID returns a fresh id for an event whose sender gave no key: a UUIDv7 (RFC 9562)
// that carries the bucket of the user, see [BucketOfID]. Without a user it has any.
func NewID(subject string) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("event: making an id: %w", err)
	}
	if subject == "" {
		return id.String(), nil
	}
	setBucket(&id, BucketOf(subject))
	return id.String(), nil
}

// DeriveID returns the id of an event whose sender gave a key: a UUIDv8 (RFC 9562)
// over the bot, the scope and the key, that carries the bucket of the user. A repeat has
// the same id on every gateway without any shared state. The scope says within what the
// key is unique (a platform, or one API client), so that two senders cannot take each
// other's keys; a key is always given with the same user.
func DeriveID(bot, scope, key, subject string) string {
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
	if subject != "" {
		setBucket(&id, BucketOf(subject))
	}
	return id.String()
}
