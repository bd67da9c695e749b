package rebalance

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/sharded"
	"github.com/botgate/botgate/internal/retry"
)

// shard is one of the databases.
type shard struct {
	sharded.Engine
	name string
}

// mover is a move in progress.
type mover struct {
	Move
	store  *sharded.Store
	shards []shard // Sorted by name.
	to     shard
	locks  locks
	// routes are those of the last survey.
	routes *sharded.Routes
}

// survey reads the fences of all shards, each of which has to be up.
func (m *mover) survey(ctx context.Context) (err error) {
	m.routes, err = m.store.Survey(ctx)
	return err
}

// run finishes what an earlier move left, moves what is elsewhere, and cleans up after what
// was there already.
func (m *mover) run(ctx context.Context) error {
	elsewhere := map[string][]int{}
	var there, between []int
	for _, b := range m.Buckets {
		pair, owner := m.routes.Between[b], m.routes.Owners[b]
		switch {
		case slices.Contains(pair, m.To):
			between = append(between, b)
		case pair != nil:
			return fmt.Errorf("%w: bucket %d is between %s and %s; move it to one of them first", errMove, b, pair[0], pair[1])
		case owner == m.To:
			there = append(there, b)
		default:
			if _, err := m.store.Engine(owner); err != nil {
				return err
			}
			elsewhere[owner] = append(elsewhere[owner], b)
		}
	}
	if err := m.liftFences(ctx, between); err != nil {
		return err
	}
	for _, from := range m.shards { // In one order.
		for group := range slices.Chunk(elsewhere[from.name], m.Group) {
			if err := m.move(ctx, from, group); err != nil {
				return fmt.Errorf("moving buckets %s from %s to %s: %w", sharded.Spans(group), from.name, m.To, err)
			}
		}
	}
	return m.cleanUp(ctx, append(there, between...))
}

// move moves buckets from the shard that has them.
func (m *mover) move(ctx context.Context, from shard, buckets []int) error {
	c := &copying{from: from, to: m.to, buckets: buckets, progress: func(step string, entries int64) {
		m.report(step, from.name, buckets, entries)
	}}
	if err := c.most(ctx); err != nil {
		return err
	}
	if err := m.straighten(ctx, from, buckets); err != nil {
		return err
	}
	if err := m.locks.held(ctx); err != nil {
		return err
	}
	m.report("fence", from.name, buckets, 0)
	err := from.Fence(ctx, buckets, m.To, func(ctx context.Context) error {
		if err := m.stillThere(ctx, from, buckets); err != nil {
			return err
		}
		return c.rest(ctx)
	})
	if err != nil {
		return fmt.Errorf("shard %s: %w", from.name, err)
	}
	if err := m.liftFences(ctx, buckets); err != nil {
		return err
	}
	return m.drop(ctx, []shard{from}, buckets)
}

// straighten points fences of the new shard at the present one. They are from when the new
// shard had the buckets before, and may name shards that had them in between. So a circle of
// fences is never of more than these two, which both have everything then.
func (m *mover) straighten(ctx context.Context, from shard, buckets []int) error {
	fences := m.routes.Fences[m.To]
	var crooked []int
	for _, b := range buckets {
		if next, fenced := fences[b]; fenced && next != from.name {
			crooked = append(crooked, b)
		}
	}
	if len(crooked) == 0 {
		return nil
	}
	if err := m.to.Fence(ctx, crooked, from.name, nothing); err != nil {
		return fmt.Errorf("shard %s: %w", m.To, err)
	}
	return m.survey(ctx)
}

// nothing is the last step before buckets are fenced in a shard that does not have them.
func nothing(context.Context) error { return nil }

// stillThere makes sure that no other process moved the buckets meanwhile.
func (m *mover) stillThere(ctx context.Context, from shard, buckets []int) error {
	fences, err := from.Fences(store.Fresh(ctx))
	if err != nil {
		return err
	}
	for _, b := range buckets {
		if shard, moved := fences[b]; moved {
			return fmt.Errorf("%w: bucket %d went to %s meanwhile", errMove, b, shard)
		}
	}
	return nil
}

// liftFences lifts the fences that the new shard has from when it had the buckets before, once the
// shards that they name have fenced the buckets in its favour.
func (m *mover) liftFences(ctx context.Context, buckets []int) error {
	fences := m.routes.Fences[m.To]
	fenced := map[string][]int{}
	for _, b := range buckets {
		if from, ok := fences[b]; ok {
			fenced[from] = append(fenced[from], b)
		}
	}
	for name, group := range fenced {
		from, err := m.store.Engine(name)
		if err != nil {
			return err
		}
		err = m.to.Fence(ctx, group, "", func(ctx context.Context) error {
			fences, err := from.Fences(store.Fresh(ctx))
			if err != nil {
				return err
			}
			for _, b := range group {
				if fences[b] != m.To {
					return fmt.Errorf("%w: %s did not fence bucket %d", errMove, name, b)
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("shard %s: %w", m.To, err)
		}
	}
	return m.survey(ctx)
}

// cleanUp drops the buckets from all other shards, which may have copies of a move that was given
// up.
func (m *mover) cleanUp(ctx context.Context, buckets []int) error {
	if len(buckets) == 0 {
		return nil
	}
	var others []shard
	for _, other := range m.shards {
		if other.name == m.To {
			continue
		}
		fences := m.routes.Fences[other.name]
		open := slices.DeleteFunc(slices.Clone(buckets), func(b int) bool { return fences[b] != "" })
		if len(open) > 0 { // Only what is fenced may be dropped.
			if err := other.Fence(ctx, open, m.To, nothing); err != nil {
				return fmt.Errorf("shard %s: %w", other.name, err)
			}
		}
		others = append(others, other)
	}
	return m.drop(ctx, others, buckets)
}

// drop removes buckets from shards that fenced them, once nobody reads them there.
func (m *mover) drop(ctx context.Context, from []shard, buckets []int) error {
	for _, other := range from {
		m.report("wait", other.name, buckets, 0)
	}
	if !retry.Sleep(ctx, m.grace) {
		return ctx.Err()
	}
	if err := m.locks.held(ctx); err != nil {
		return err
	}
	for _, other := range from {
		m.report("drop", other.name, buckets, 0)
		if err := other.DropFenced(ctx, buckets); err != nil {
			return fmt.Errorf("shard %s: %w", other.name, err)
		}
	}
	return nil
}

func (m *mover) report(step, from string, buckets []int, entries int64) {
	if m.Progress != nil {
		m.Progress(Progress{Step: step, Buckets: buckets, From: from, To: m.To, Entries: entries})
	}
}

// locks are those of all shards.
type locks []store.MoveLock

// lockAll locks them in one order.
func lockAll(ctx context.Context, shards []shard) (all locks, err error) {
	for _, s := range shards {
		lock, err := s.LockMoves(ctx)
		if err != nil {
			return all, fmt.Errorf("shard %s: %w", s.name, err)
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
