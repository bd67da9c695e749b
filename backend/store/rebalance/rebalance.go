// Package rebalance moves buckets of users between the shards of a store while other
// processes record and read.
package rebalance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store/sharded"
	"github.com/botgate/botgate/internal/event"
)

const (
	// grace is how long what was moved stays in its old place, for processes that did not
	// hear of it yet: longer than any read that goes there takes.
	grace = sharded.ReadWindow + 5*time.Second
	// DefaultGroup is how many buckets are moved together where [Move] does not say.
	DefaultGroup = 64
)

// errMove means that a move can't be made as it was asked for.
var errMove = errors.New("can't move")

// Move says which buckets are to be kept by another shard.
type Move struct {
	// Buckets are those to move. Those that are there already are only cleaned up: what is
	// left of them in other shards is dropped.
	Buckets []int
	// To is the shard that gets them.
	To string
	// Group is how many are copied and fenced together. What a move was copying when it was
	// interrupted is copied again. Default [DefaultGroup].
	Group int
	// Progress is called now and then, by one goroutine at a time. Default: not at all.
	Progress func(Progress)

	grace time.Duration // Default [grace]; tests have less time.
}

// Progress reports how far a move is.
type Progress struct {
	// Step is what is being done: copy, catch up, fence, wait or drop.
	Step string
	// Buckets are those that it is done with.
	Buckets []int
	// From and To are the shards.
	From, To string
	// Entries is how many entries were copied so far in this step.
	Entries int64
}

// String is a line for people.
func (p Progress) String() string {
	text := fmt.Sprintf("%s buckets %s from %s to %s", p.Step, sharded.Spans(p.Buckets), p.From, p.To)
	if p.Entries > 0 {
		text += fmt.Sprintf(": %d entries", p.Entries)
	}
	return text
}

// Rebalancer moves buckets between the shards of a store. Make one with [New].
type Rebalancer struct{ store *sharded.Store }

// New makes a Rebalancer of a store.
func New(s *sharded.Store) *Rebalancer { return &Rebalancer{s} }

// Move moves buckets while everything goes on: it copies what there is, catches up with what
// is recorded meanwhile, and then fences the buckets in the source, which holds up its appends
// for as long as the last entries take. After a grace period of 20 s the source drops them. All
// shards have to be up. Interrupted, at whatever point, it can be called again and goes on;
// until it succeeded nothing is lost, but copies may be left over. One move runs at a time.
func (r *Rebalancer) Move(ctx context.Context, move Move) (err error) {
	if move.Group <= 0 {
		move.Group = DefaultGroup
	}
	if move.grace <= 0 {
		move.grace = grace
	}
	m := &mover{Move: move, store: r.store}
	for _, name := range r.store.Names() {
		engine, err := r.store.Engine(name)
		if err != nil {
			return err
		}
		m.shards = append(m.shards, shard{engine, name})
	}
	i := slices.IndexFunc(m.shards, func(s shard) bool { return s.name == move.To })
	if i < 0 {
		return fmt.Errorf("%w: there is no shard %q", errMove, move.To)
	}
	m.to = m.shards[i]
	for _, b := range move.Buckets {
		if b < 0 || b >= event.Buckets {
			return fmt.Errorf("%w: there is no bucket %d", errMove, b)
		}
	}
	if err := m.survey(ctx); err != nil { // A shard that is down has no lock to give.
		return err
	}
	m.locks, err = lockAll(ctx, m.shards)
	defer func() { err = errors.Join(err, m.locks.unlock()) }()
	if err != nil {
		return err
	}
	if err := m.survey(ctx); err != nil {
		return err
	}
	return m.run(ctx)
}
