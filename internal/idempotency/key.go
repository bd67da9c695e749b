package idempotency

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

// Key stands for what a sender calls a request: a SHA-256, so that Redis holds no user and
// no key of theirs. The zero Key is none.
type Key [sha256.Size]byte

// KeyOf returns the Key of a sender's key for a bot. The scope says within what the key
// is unique.
func KeyOf(bot, scope, key string) Key {
	var space [256]byte
	text := space[:0]
	for _, part := range [...]string{bot, scope, key} {
		// Length prefixes keep ("a","bc") and ("ab","c") apart.
		text = append(binary.BigEndian.AppendUint64(text, uint64(len(part))), part...)
	}
	return sha256.Sum256(text)
}

// name is the key in Redis. Every command is about one key, so a cluster may spread them.
func (k Key) name(prefix string) string {
	return prefix + base64.RawURLEncoding.EncodeToString(k[:])
}

// Fingerprint tells requests under one key apart: a SHA-256.
type Fingerprint [sha256.Size]byte

// FingerprintOf returns the fingerprint of a request of this type with this body.
func FingerprintOf(kind string, body []byte) Fingerprint {
	var space [128]byte
	sum := sha256.Sum256(body)
	return sha256.Sum256(append(append(space[:0], sum[:]...), kind...))
}

var errRecord = errors.New("idempotency: unexpected record")

// encode makes one text of the answer: status and location in a line, then the body.
func (a Answer) encode() string {
	return strconv.Itoa(a.Status) + " " + a.Location + "\n" + string(a.Body)
}

func decode(text string) (Answer, error) {
	line, body, complete := strings.Cut(text, "\n")
	status, location, separated := strings.Cut(line, " ")
	code, err := strconv.Atoi(status)
	if !complete || !separated || err != nil {
		return Answer{}, errRecord
	}
	return Answer{Status: code, Location: location, Body: []byte(body)}, nil
}
