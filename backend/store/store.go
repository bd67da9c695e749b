// Package store defines what the backend asks of its database: an append-only log of
// events and a read model of their statuses. store/postgres and store/sqlite implement
// it; the conformance suite in store/storetest is the definition.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/botgate/botgate/internal/event"
)

var (
	// ErrNotFound means that no such event is recorded (yet).
	ErrNotFound = errors.New("event not found")
	// ErrUnavailable means that the database can't be reached, is overloaded or takes no writes;
	// the same call can succeed later.
	ErrUnavailable = errors.New("store unavailable")
)

// Store keeps events. All methods may be called concurrently.
type Store interface {
	// Append records entries of [NewEntry] in one transaction, and returns the new ones after
	// the commit. It is idempotent by id: what is recorded already stays as it is. Changes may
	// come before their event. Of a sharded store the entries are of one shard; [ErrFenced]
	// means that some have moved. An error other than that and ErrUnavailable means that one
	// of the entries can never be recorded; none of them is.
	Append(ctx context.Context, entries []Entry) ([]Entry, error)
	// Get returns an event with its attempts, or ErrNotFound.
	Get(ctx context.Context, id string) (*Record, error)
	// List returns a page of events without bodies and attempts.
	List(ctx context.Context, q Query) (*Page, error)
	// Count counts the events with a status other than delivered, at most limit of them.
	Count(ctx context.Context, status event.Status, limit int) (int64, error)
	// User returns the read model of a user; empty for one without events.
	User(ctx context.Context, q UserQuery) (*User, error)
	// Users returns a page of names of users with events.
	Users(ctx context.Context, q UsersQuery) (*UsersPage, error)
	// Stats returns the minutes of a range in which something happened, oldest first.
	Stats(ctx context.Context, q StatsQuery) ([]Minute, error)
	// Log returns entries of the log in the order of recording.
	Log(ctx context.Context, q LogQuery) ([]Entry, error)
	// Ready returns nil when the database answers and its schema is current.
	Ready(ctx context.Context) error
	// Close releases the connections.
	Close() error
}

// Record is a recorded event and what became of it.
type Record struct {
	// Event is the event as it was accepted; in lists without Data.
	Event *event.Event
	// Status is the outcome so far.
	Status event.Status
	// RecordedAt is when it was written to the log.
	RecordedAt time.Time
	// UpdatedAt is when the status last changed.
	UpdatedAt time.Time
	// AttemptCount is the greatest number of an attempt that is known; a replay counts anew.
	AttemptCount int
	// Replays is how often the event was replayed.
	Replays int
	// Attempts are the attempts, their progress, and replays, oldest first and at most MaxAttempts; nil in lists.
	Attempts []event.Change
	// Repeats are when the sender sent the event again, oldest first and at most [event.MaxRepeats];
	// nil in lists.
	Repeats []time.Time
	// Last is the attempt or replay by which the event got its status; nil for none.
	Last *event.Change
	// Size is how many bytes the body has.
	Size int
}

// Position is where the event stands in lists.
func (r *Record) Position() Position { return Position{r.Event.Time, r.Event.ID} }
