package idempotency

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// Key stands for what a sender calls a request, or for an event: a SHA-256, so that Redis holds no
// user and no key of theirs.
type Key [sha256.Size]byte

// KeyOf returns the Key of the event with that id.
func KeyOf(id string) Key { return sha256.Sum256([]byte(id)) }

// name is the key in Redis. Every command is about one key, so a cluster may spread them.
func (k Key) name(prefix string) string {
	return prefix + base64.RawURLEncoding.EncodeToString(k[:])
}

// Fingerprint tells requests under one key apart: a SHA-256.
type Fingerprint [sha256.Size]byte

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
