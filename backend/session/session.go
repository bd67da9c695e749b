// Package session keeps what a bot remembers about a user between two requests, for bots
// without a database: a JSON object for each bot and user, with a TTL. Writes use optimistic
// locking, so that no writer loses another's changes.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/event"
)

var (
	// ErrNotFound means that there is no session, or that it expired.
	ErrNotFound = errors.New("there is no such session")
	// ErrCondition means that the caller's [Condition] does not hold.
	ErrCondition = errors.New("the session is not as the condition says")
	// ErrBusy means that too many retries met another writer.
	ErrBusy = errors.New("the session is being written by too many at once")
	// ErrKey means that the name of a bot or user is invalid.
	ErrKey = errors.New("the names of bot and user must be text as events have it")
	// ErrTTL means that a TTL is out of its bounds.
	ErrTTL = errors.New("the time to live is out of bounds")
	// ErrDocument means that a document is not a valid JSON object.
	ErrDocument = errors.New("the document must be a JSON object, without members that occur twice")
	// ErrTooLarge means that a document is, or would become, too large.
	ErrTooLarge = errors.New("the document is too large")
	// ErrTooDeep means that a document is nested too deeply.
	ErrTooDeep = errors.New("the document is nested too deeply")

	// ErrUnavailable means that the engine can't be reached or fails.
	ErrUnavailable = errors.New("sessions are unavailable")
	// ErrConflict is returned by an engine when the session has another version than expected.
	ErrConflict = errors.New("another version is there")
)

// Key identifies a session: one bot and one user.
type Key struct {
	Bot  string `json:"bot"`
	User string `json:"user"`
}

// check refuses what no event has as a bot or a subject.
func (k Key) check() error {
	for _, name := range []string{k.Bot, k.User} {
		if name == "" || !event.ValidText(name) {
			return ErrKey
		}
	}
	return nil
}

// Session is one version of what a bot remembers about a user. As JSON it is a line of the
// export of a user. Times are UTC.
type Session struct {
	Key
	// Version is random and new with each write, even after the session was removed.
	Version string `json:"-"`
	// UpdatedAt is when this version was written.
	UpdatedAt time.Time `json:"updated_at"`
	// ExpiresAt is when it expires unless it is written again.
	ExpiresAt time.Time `json:"expires_at"`
	// Data is a JSON object.
	Data json.RawMessage `json:"data"`
}

// Condition is a precondition of a write. The zero value always holds.
type Condition struct {
	// Exists requires a session.
	Exists bool
	// Missing requires that there is none.
	Missing bool
	// Versions, unless nil, requires one of these versions.
	Versions []string
}

// holds checks the current session, nil for none.
func (c Condition) holds(s *Session) bool {
	if s == nil {
		return !c.Exists && c.Versions == nil
	}
	return !c.Missing && (c.Versions == nil || slices.Contains(c.Versions, s.Version))
}

// Engine keeps sessions. Each call is atomic, may be made concurrently and by several
// processes, and a write that returned is seen by every call after it. Times are rounded
// to microseconds. Keys are any text without NUL. Failures of the engine are ErrUnavailable.
type Engine interface {
	// Load returns the session, or ErrNotFound when there is none that lives at that time.
	Load(ctx context.Context, key Key, at time.Time) (*Session, error)
	// Store replaces the version was of the session; an empty one means that there is none, or
	// one that expired by next.UpdatedAt. Else it returns ErrConflict.
	Store(ctx context.Context, next *Session, was string) error
	// Remove removes the version was, or returns ErrConflict.
	Remove(ctx context.Context, key Key, was string) error
	// Bots returns the bots that may have a session of the user, in any order.
	Bots(ctx context.Context, user string) ([]string, error)
	// RemoveUser removes all sessions of the user.
	RemoveUser(ctx context.Context, user string) error
	// Sweep removes up to limit sessions that expired by then, and returns how many.
	Sweep(ctx context.Context, at time.Time, limit int) (int, error)
	// Ready returns nil when sessions can be read and written.
	Ready(ctx context.Context) error
}
