// Package idempotency remembers what was asked under a key and what was answered, so that
// a repeat gets the first answer and another request under the same key is a conflict. It
// keeps this in Redis, for all gateways, or in this process, and never fails a request:
// without Redis it knows what this process saw.
//
// Senders who wait for their answer claim a key ([Store.Begin]) before the work and settle
// the claim after it. Platforms, which must be answered whatever else is under way, use
// marks: [Store.Seen] before the work and [Store.Mark] after it. [Store.First] gives requests that are
// the same in another way one id.
package idempotency

import "time"

// Terms say how long things last. All must be positive.
type Terms struct {
	// Window is how long a key is remembered after it was last claimed, settled or marked.
	Window time.Duration
	// Lease is how long a claim blocks its key when it is never settled, since its process
	// was killed. It should exceed what the work takes.
	Lease time.Duration
	// Budget is how long one call may wait for Redis.
	Budget time.Duration
}

// State is what Begin found under a key.
type State int

// The states.
const (
	// First means that the key is the caller's: it does the work and settles the claim. So
	// does a repeat of work that failed, or that nobody is known to do any more.
	First State = iota + 1
	// Repeat means that the work is done; the claim has the answer.
	Repeat
	// Mismatch means that the key was used for something else.
	Mismatch
	// InFlight means that somebody does the work at present.
	InFlight
)

// Claim is what Begin found. A claim in the state First is settled with [Store.Finish] or
// [Store.Abandon].
type Claim struct {
	// State decides what to do.
	State State
	// Answer is the recorded answer, for a Repeat.
	Answer Answer

	key   Key
	print Fingerprint
	// token tells this claim from a later one of the same key.
	token uint64
	terms Terms
	// local says that Redis did not answer, so that this process keeps the claim.
	local bool
}

// Answer is what the sender was told.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Location is the header of that name; without line breaks.
	Location string
	// Body is the body of the answer. It must not be changed.
	Body []byte
}
