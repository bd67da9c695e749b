package sharded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

const (
	// Grace is how long what was moved away stays where it was, for processes that did
	// not hear of it yet: longer than any read that goes there takes.
	Grace = readTime + 5*time.Second
	// DefaultGroup is how many buckets are moved together where [Move] does not say.
	DefaultGroup = 64
)

// ErrMove means that a move can't be made as it was asked for.
var ErrMove = errors.New("can't move")

// Move says which buckets are to be kept by another shard.
type Move struct {
	// Buckets are those to move. Those that are there already are only cleaned up: what is
	// left of them in other shards is removed.
	Buckets []int
	// To is the shard that gets them.
	To string
	// Group is how many are copied and handed over together. What is under way when a move is
	// interrupted is copied again. Default [DefaultGroup].
	Group int
	// Progress is called now and then, by one goroutine at a time. Default: not at all.
	Progress func(Progress)

	grace time.Duration // Default [Grace]; tests have less time.
}

// Progress tells how far a move is.
type Progress struct {
	// Step is what is being done: copy, catch up, hand over, wait or drop.
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
	text := fmt.Sprintf("%s buckets %s from %s to %s", p.Step, Spans(p.Buckets), p.From, p.To)
	if p.Entries > 0 {
		text += fmt.Sprintf(": %d entries", p.Entries)
	}
	return text
}

// Move moves buckets while everything goes on: it copies what there is, catches up with what
// is recorded meanwhile, and then has the source hand over, which holds up its appends for as
// long as the last entries take. After [Grace] the source drops them. All shards have to
// be there. Interrupted, at whatever point, it can be called again and goes on; until it
// succeeded nothing is lost, but copies may be left over. One move runs at a time.
func (s *Store) Move(ctx context.Context, move Move) (err error) {
	if move.Group <= 0 {
		move.Group = DefaultGroup
	}
	if move.grace <= 0 {
		move.grace = Grace
	}
	to := s.member(move.To)
	if to == nil {
		return fmt.Errorf("%w: there is no shard %q", ErrMove, move.To)
	}
	for _, b := range move.Buckets {
		if b < 0 || b >= event.Buckets {
			return fmt.Errorf("%w: there is no bucket %d", ErrMove, b)
		}
	}
	locks, err := s.lockAll(ctx)
	defer func() { err = errors.Join(err, locks.unlock()) }()
	if err != nil {
		return err
	}
	if err := s.survey(ctx); err != nil {
		return err
	}
	return (&mover{Store: s, Move: move, to: to, locks: locks}).run(ctx)
}

// survey looks at the marks of all shards, each of which has to be there.
func (s *Store) survey(ctx context.Context) error {
	return s.everywhere(ctx, func(_ int, m *member) error { return m.look(ctx) })
}

// locks are those of all shards.
type locks []store.MoveLock

// lockAll locks them in one order.
func (s *Store) lockAll(ctx context.Context) (all locks, err error) {
	for _, m := range s.members {
		if err := m.usable(ctx); err != nil {
			return all, err
		}
		lock, err := m.LockMoves(ctx)
		if err != nil {
			return all, fmt.Errorf("shard %s: %w", m.name, err)
		}
		all = append(all, lock)
	}
	return all, nil
}

func (all locks) held(ctx context.Context) error {
	for _, l := range all {
		if err := l.Held(ctx); err != nil {
			return fmt.Errorf("the lock on moves was lost: %w", err)
		}
	}
	return nil
}

func (all locks) unlock() error {
	var errs []error
	for _, l := range all {
		errs = append(errs, l.Unlock())
	}
	return errors.Join(errs...)
}

// Spans writes buckets as the command line takes them: 0-63,512.
func Spans(buckets []int) string {
	sorted := slices.Compact(slices.Sorted(slices.Values(buckets)))
	var parts []string
	for i := 0; i < len(sorted); {
		end := i
		for end+1 < len(sorted) && sorted[end+1] == sorted[end]+1 {
			end++
		}
		parts = append(parts, span(sorted[i], sorted[end]))
		i = end + 1
	}
	return strings.Join(parts, ",")
}

// ParseSpans reads what [Spans] writes.
func ParseSpans(text string) (buckets []int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || from < 0 || to < from || to >= event.Buckets {
			return nil, fmt.Errorf("%q is no range of buckets like 512-575, from 0 to %d", part, event.Buckets-1)
		}
		for b := from; b <= to; b++ {
			buckets = append(buckets, b)
		}
	}
	slices.Sort(buckets)
	return slices.Compact(buckets), nil
}
