package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// ErrFenced means that a bucket of the call is fenced: another shard has it, or is about to
// get it; see [Maintainer.Fences]. Nothing was done.
var ErrFenced = errors.New("bucket moved to another shard")

// ErrMoveInProgress means that another process moves buckets from or to the store.
var ErrMoveInProgress = errors.New("another move of buckets is in progress")

// Maintainer is the maintenance side of a store: retention, rebuilds, erasure, and moving
// buckets between shards while other processes record and read.
type Maintainer interface {
	// Retain drops the days of the log that ended before a time, with the read models of their
	// events, and prepares the next days. It goes in short transactions, so that it blocks
	// nothing for long, and returns the days that it dropped, which may have had no events. The zero
	// time drops nothing.
	Retain(ctx context.Context, before time.Time) (days []time.Time, err error)
	// Days returns the days of the log that have entries, oldest first.
	Days(ctx context.Context) ([]time.Time, error)
	// Rebuild rebuilds the read models of the events of a day from the log, in one transaction,
	// and returns how many entries it read. Appends to that day wait; reads do not.
	Rebuild(ctx context.Context, day time.Time) (entries int64, err error)
	// Erase removes the events of a user that were accepted before a time, with their changes,
	// from the log and the read models, and refuses those that arrive later. It returns how many
	// events it removed. It goes in short transactions, and can be called again after an error. After each
	// transaction it calls erased, unless that is nil, with how many events it removed; an error of that ends it.
	Erase(ctx context.Context, subject string, before time.Time, erased func(events int64) error) (events int64, err error)

	// ReadBuckets returns entries of buckets in the order of (EventTime, ID), with
	// bodies: at most limit, behind the position of an entry (its EventTime and ID), and of those
	// recorded at since or later.
	ReadBuckets(ctx context.Context, buckets []int, after Position, since time.Time, limit int) ([]Entry, error)
	// Import records entries of another store, with their times of recording. What is
	// recorded already is left as it is, and what was erased is left out. It ignores
	// fences: the buckets may be on their way back.
	Import(ctx context.Context, entries []Entry) error
	// Fence fences buckets in favour of another shard. New Appends block, running ones
	// commit, then last runs; if last fails, nothing is fenced. Afterwards Append returns
	// ErrFenced for events of these buckets. An empty shard lifts the fence.
	Fence(ctx context.Context, buckets []int, shard string, last func(context.Context) error) error
	// Fences returns the fenced buckets and the shard that has each now.
	Fences(ctx context.Context) (map[int]string, error)
	// DropFenced removes the entries of buckets; it is an error unless all are fenced.
	DropFenced(ctx context.Context, buckets []int) error
	// Erasures returns the erasures that the store enforces, in the order of the hashes: at most
	// limit, behind a hash, or from the first one with nil.
	Erasures(ctx context.Context, after []byte, limit int) ([]Erasure, error)
	// ImportErasures makes the store enforce them too. Of two times for one user the later one
	// counts.
	ImportErasures(ctx context.Context, erasures []Erasure) error
	// LockMoves locks out other moves of buckets, or returns [ErrMoveInProgress].
	// The lock ends with the process at the latest.
	LockMoves(ctx context.Context) (MoveLock, error)
}

// MoveLock is held while buckets move from or to a store.
type MoveLock interface {
	// Held returns an error when the lock is lost, as with a connection.
	Held(ctx context.Context) error
	// Unlock releases it.
	Unlock() error
}

// Erasure says that events of a user that were accepted before a time are not recorded.
type Erasure struct {
	// Hash stands for the user; see [HashSubject].
	Hash []byte
	// Before is the time.
	Before time.Time
}

// HashSubject is what engines store of an erased user in place of the name. It never changes.
func HashSubject(subject string) []byte {
	hash := sha256.Sum256([]byte("botgate erased user\x00" + subject))
	return hash[:]
}
