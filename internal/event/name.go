package event

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

const (
	// digestMark stands before the digest at the end of a name that could not stay as it was. It is
	// in no name that could: a sender can't choose a name that is another one's.
	digestMark = "\uFFFD"
	// digestLength is that of a SHA-256 in base64url.
	digestLength = 43
)

// Name returns a user or an order key as events have it: as it was given, if that is text of at most
// [MaxAttribute] bytes without control characters. Of any other, what can be read of it, with a digest
// of the whole: two names never become one.
func Name(given string) string {
	readable := clean(given)
	if readable == given {
		return given
	}
	sum := sha256.Sum256([]byte(given))
	digest := digestMark + base64.RawURLEncoding.EncodeToString(sum[:])
	return cut(readable, MaxAttribute-len(digest)) + digest
}

// NameOf is [Name] for who asks about a user, by the name that the user gave or the one that events have.
func NameOf(asked string) string {
	if isName(asked) {
		return asked
	}
	return Name(asked)
}

// isName reports whether Name returned it.
func isName(s string) bool {
	readable, digest, cut := strings.Cut(s, digestMark)
	if !cut {
		return clean(s) == s
	}
	_, err := base64.RawURLEncoding.DecodeString(digest)
	return len(s) <= MaxAttribute && clean(readable) == readable && len(digest) == digestLength && err == nil
}

// cut shortens text to that many bytes, between characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
