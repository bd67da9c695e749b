// Package pull lends events to bots that ask for them. A [Ledger] has what waits in a process, and who has what for how
// long; a [Router] finds the ledgers of other processes.
package pull

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// Bounds of a lease.
const (
	DefaultLease = time.Minute
	MinLease     = 10 * time.Second
	// MaxLease leaves room below RabbitMQ's consumer_timeout, 30 minutes by default.
	MaxLease = 15 * time.Minute
)

// Bounds of what one receive gets.
const (
	DefaultEvents = 32
	MaxEvents     = 256
	DefaultWait   = 20 * time.Second
	// MaxWait is below what proxies give an answer to begin.
	MaxWait = 50 * time.Second
	// MaxTypes is how many patterns of types a receive may name.
	MaxTypes = 32
	// MaxSettlements is how many receipts one request may settle.
	MaxSettlements = 256
)

const (
	// maxLeased and maxLeasedBytes bound what a bot has in its hands; a single event may be larger. Bulk leaves half of
	// the first for others.
	maxLeased      = 256
	maxLeasedBulk  = maxLeased / 2
	maxLeasedBytes = 64 << 20
	// maxAnswerBytes bounds the bodies of one answer; a single event may be larger.
	maxAnswerBytes = 8 << 20
)

var (
	// ErrUnknownBot means that no ledger that was asked knows the bot.
	ErrUnknownBot = errors.New("unknown bot")
	// ErrPushed means that the bot has a url.
	ErrPushed = errors.New("the bot does not pull")
	// ErrUnavailable means that who has the bot's events can't be reached, or not all who may have some.
	ErrUnavailable = errors.New("who delivers can't be reached")
	// ErrBusy means that too many requests wait, of the bot or in all.
	ErrBusy = errors.New("too many requests wait for events")
)

// Ask is what a poller wants.
type Ask struct {
	// Max is how many events it takes, from 1 to [MaxEvents].
	Max int `json:"max"`
	// Lease is how long it has each, from [MinLease] to [MaxLease].
	Lease time.Duration `json:"lease"`
	// Types are patterns of the types that it takes; none for all. See [Types].
	Types Types `json:"types,omitempty"`
}

// Outcome is how a lease ends, or goes on.
type Outcome string

// The outcomes.
const (
	Ack    Outcome = "ack"    // The bot has the event.
	Retry  Outcome = "retry"  // The attempt failed, and another one may do.
	Dead   Outcome = "dead"   // The bot will never take the event.
	Extend Outcome = "extend" // The lease begins anew.

	// Silence is the outcome of a lease that ended with no word.
	Silence Outcome = "silence"
	// Release gives an event back that its poller never got.
	Release Outcome = "release"
)

// Settlement is what a poller says of an event that it has.
type Settlement struct {
	Receipt string  `json:"receipt"`
	Outcome Outcome `json:"outcome"`
	// After is when Retry wants the next attempt; nil for the bot's backoff.
	After *time.Duration `json:"after,omitempty"`
	// Lease is how long Extend goes from now on; 0 for as long as before.
	Lease time.Duration `json:"lease,omitempty"`
	// Progress is how many percent of the work are done, with Extend; 0 where the poller does not say.
	Progress int `json:"progress,omitempty"`
	// Answer is what the bot said, nil for nothing.
	Answer *event.Answer `json:"answer,omitempty"`
}

// Status is what became of a settlement.
type Status string

// The statuses.
const (
	// OK means that it holds.
	OK Status = "ok"
	// Lost means that it changed nothing, since the lease was over: the event comes again, or came again.
	Lost Status = "lost"
	// Unavailable means that nobody knows: it is to be repeated.
	Unavailable Status = "unavailable"
)

// Result is what became of the settlement of a receipt.
type Result struct {
	Receipt string `json:"receipt"`
	Status  Status `json:"status"`
}

// Owner has events that wait for pollers. Errors are ErrUnknownBot, ErrPushed, ErrUnavailable or the context's.
type Owner interface {
	// Await returns once there is something of these types to lend, and takes nothing.
	Await(ctx context.Context, bot string, types Types) error
	// Lease lends what there is, at once: events in the form of the API. There may be none.
	Lease(ctx context.Context, bot string, ask Ask) ([]json.RawMessage, error)
	// Settle returns a status for each settlement, in their order.
	Settle(ctx context.Context, bot string, settlements []Settlement) ([]Status, error)
}
