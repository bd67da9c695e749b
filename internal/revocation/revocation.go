// Package revocation ends tokens before they expire: one by its id, or all that a user got
// before a time. Gateways keep a copy, so that looking a token up costs no I/O.
package revocation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"
)

// maxEntries bounds the copy that every gateway holds, to some 50 MB.
const maxEntries = 200_000

var (
	// errFull means that there are too many revocations that are still needed. Change the
	// signing key instead.
	errFull = errors.New("there are too many revocations; change the signing key instead")
	// errInvalid means that an entry names neither or both of a token and a user, or has no end.
	errInvalid = errors.New("a revocation names a token or a user, and when it can be forgotten")
)

// Entry revokes one token, or the tokens of a user.
type Entry struct {
	// JTI is the claim "jti" of the token.
	JTI string `json:"jti,omitempty"`
	// Subject is the user, as bot_jwt names users, whose tokens from before Before end.
	Subject string `json:"sub,omitempty"`
	// Before is the time from which on the user's tokens are good again.
	Before time.Time `json:"before,omitzero"`
	// Until is when the entry can be forgotten: not before the last of its tokens expires.
	Until time.Time `json:"until"`
}

func (e Entry) check() error {
	if (e.JTI == "") == (e.Subject == "") || e.Until.IsZero() || (e.Subject != "" && e.Before.IsZero()) {
		return errInvalid
	}
	return nil
}

// Store keeps revocations for all gateways.
type Store interface {
	// Revoke adds entries. It returns when they are stored.
	Revoke(ctx context.Context, entries ...Entry) error
	// Load returns what is stored and still needed. The list of known is returned again
	// when nothing has changed since; it may be nil.
	Load(ctx context.Context, known *List) (*List, error)
	// String says where the revocations are, for people. It shows no password.
	String() string
}

// record is an entry as it is stored: ids are hashed, so that no store holds a user's.
type record struct {
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Before int64  `json:"before,omitempty"`
	Until  int64  `json:"until"`
}

const (
	kindToken = "token"
	kindUser  = "user"
)

// recordsOf are the entries as they are stored.
func recordsOf(entries []Entry) ([]record, error) {
	records := make([]record, len(entries))
	for i, e := range entries {
		if err := e.check(); err != nil {
			return nil, err
		}
		records[i] = e.record()
	}
	return records, nil
}

func (e Entry) record() record {
	if e.JTI != "" {
		return record{Kind: kindToken, ID: digest(e.JTI), Until: e.Until.Unix()}
	}
	return record{Kind: kindUser, ID: digest(e.Subject), Before: e.Before.Unix(), Until: e.Until.Unix()}
}

func digest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// List is one version of the revocations. It is not changed after it was made.
type List struct {
	version string
	tokens  map[string]bool
	users   map[string]int64
}

func newList(version string, records []record, now time.Time) *List {
	l := &List{version: version, tokens: map[string]bool{}, users: map[string]int64{}}
	for _, r := range records {
		switch {
		case r.Until < now.Unix():
		case r.Kind == kindToken:
			l.tokens[r.ID] = true
		case r.Kind == kindUser:
			l.users[r.ID] = max(l.users[r.ID], r.Before)
		}
	}
	return l
}

// Revoked reports whether a token is revoked: by its id, or because its user's tokens of
// that time are. A token that does not say when it was issued counts as an old one.
func (l *List) Revoked(jti, subject string, issued time.Time) bool {
	if len(l.tokens) > 0 && jti != "" && l.tokens[digest(jti)] {
		return true
	}
	if len(l.users) == 0 {
		return false
	}
	before, ok := l.users[digest(subject)]
	return ok && issued.Unix() < before
}
