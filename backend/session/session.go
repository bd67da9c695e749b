// Package session keeps what a bot remembers about a user between two requests, for bots
// that have no store of their own: a JSON object for each bot and user, for a time. No two
// writers lose each other's changes: each write says which version it replaces.
package session

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/botgate/botgate/internal/event"
)

var (
	// ErrNotFound means that there is no session, or no longer.
	ErrNotFound = errors.New("there is no such session")
	// ErrCondition means that the caller's [Condition] does not hold.
	ErrCondition = errors.New("the session is not as the condition says")
	// ErrBusy means that other writers were faster, again and again.
	ErrBusy = errors.New("the session is being written by too many at once")
	// ErrKey means that a bot's or user's name is none.
	ErrKey = errors.New("the names of bot and user must be text as events have it")
	// ErrTTL means that a time to live is out of its bounds.
	ErrTTL = errors.New("the time to live is out of bounds")
	// ErrDocument means that what should be a JSON object is not.
	ErrDocument = errors.New("the document must be a JSON object, without members that occur twice")
	// ErrTooLarge means that a document is, or would become, too large.
	ErrTooLarge = errors.New("the document is too large")
	// ErrTooDeep means that a document is nested too deeply.
	ErrTooDeep = errors.New("the document is nested too deeply")

	// ErrUnavailable means that the engine can't answer at present.
	ErrUnavailable = errors.New("sessions are unavailable")
	// ErrConflict is what an engine answers when the version to replace is not there.
	ErrConflict = errors.New("another version is there")
)

// Key says whose session it is: what one bot remembers about one user.
type Key struct{ Bot, User string }

// check refuses what no event has as a bot or a subject.
func (k Key) check() error {
	for _, name := range []string{k.Bot, k.User} {
		if name == "" || len(name) > event.MaxAttribute || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			return ErrKey
		}
	}
	return nil
}

// Session is one version of what a bot remembers about a user.
type Session struct {
	Key
	// Version names this one and never another, whatever became of the session meanwhile.
	Version string
	// Data is a JSON object.
	Data []byte
	// UpdatedAt is when this version was written.
	UpdatedAt time.Time
	// ExpiresAt is when it ends unless it is written again.
	ExpiresAt time.Time
}

// Condition is what must hold of a session for a write to happen. The zero value holds
// always.
type Condition struct {
	// Exists wants one that is there.
	Exists bool
	// Missing wants none to be there.
	Missing bool
	// Versions, unless nil, wants one of these to be there.
	Versions []string
}

// holds looks at the session that is there, or nil.
func (c Condition) holds(s *Session) bool {
	if s == nil {
		return !c.Exists && c.Versions == nil
	}
	return !c.Missing && (c.Versions == nil || slices.Contains(c.Versions, s.Version))
}

// Engine keeps sessions. Each call is atomic, may be made concurrently and by several
// processes, and a write that returned is seen by every call after it. Times are rounded
// to microseconds. Keys are any text without NUL. What can't be done at present is
// ErrUnavailable.
type Engine interface {
	// Load returns the session as it is at that time. It returns ErrNotFound when there is
	// none, or when it ended by then.
	Load(ctx context.Context, key Key, at time.Time) (*Session, error)
	// Store writes the session in place of the version was; an empty one wants none to be
	// there, or one that ended by next.UpdatedAt. Else it returns ErrConflict.
	Store(ctx context.Context, next *Session, was string) error
	// Remove removes that version, or returns ErrConflict when it is not there.
	Remove(ctx context.Context, key Key, was string) error
	// Bots returns the bots that may have a session of the user, in any order.
	Bots(ctx context.Context, user string) ([]string, error)
	// RemoveUser removes all sessions of the user.
	RemoveUser(ctx context.Context, user string) error
	// Sweep removes up to limit sessions that ended by then, and returns how many it did.
	Sweep(ctx context.Context, at time.Time, limit int) (int, error)
	// Ready says whether sessions can be read and written.
	Ready(ctx context.Context) error
}
