package sharded

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store"
)

// mover is a move under way.
type mover struct {
	*Store
	Move
	to    *member
	locks locks
}

// run finishes what an earlier move left, moves what is elsewhere, and cleans up after what
// was there already.
func (m *mover) run(ctx context.Context) error {
	routes := m.routes.Load()
	elsewhere := map[string][]int{}
	var there, open []int
	for _, b := range m.Buckets {
		circle, owner := routes.open[b], routes.owners[b]
		switch {
		case slices.Contains(circle, m.To):
			open = append(open, b)
		case circle != nil:
			return fmt.Errorf("%w: bucket %d is between %s and %s; move it to one of them first", ErrMove, b, circle[0], circle[1])
		case owner == m.To:
			there = append(there, b)
		case m.member(owner) == nil:
			return unknown(owner)
		default:
			elsewhere[owner] = append(elsewhere[owner], b)
		}
	}
	if err := m.claim(ctx, open); err != nil {
		return err
	}
	for _, from := range m.members { // In one order.
		for group := range slices.Chunk(elsewhere[from.name], m.Group) {
			if err := m.handOver(ctx, from, group); err != nil {
				return fmt.Errorf("moving buckets %s from %s to %s: %w", Spans(group), from.name, m.To, err)
			}
		}
	}
	return m.cleanUp(ctx, append(there, open...))
}

// handOver moves buckets from the shard that has them.
func (m *mover) handOver(ctx context.Context, from *member, buckets []int) error {
	c := &copying{from: from, to: m.to, buckets: buckets, progress: func(step string, entries int64) {
		m.tell(step, from.name, buckets, entries)
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
	m.tell("hand over", from.name, buckets, 0)
	err := from.Fence(ctx, buckets, m.To, func(ctx context.Context) error {
		if err := m.stillThere(ctx, from, buckets); err != nil {
			return err
		}
		return c.rest(ctx)
	})
	if err != nil {
		return fmt.Errorf("shard %s: %w", from.name, err)
	}
	if err := m.claim(ctx, buckets); err != nil {
		return err
	}
	return m.drop(ctx, []*member{from}, buckets)
}

// straighten lets marks of the new shard lead to the present one, where they lead to others
// that had the buckets in between. So only these two ever are in a circle, and both have
// everything then.
func (m *mover) straighten(ctx context.Context, from *member, buckets []int) error {
	marks := m.to.known()
	var crooked []int
	for _, b := range buckets {
		if next, marked := marks[b]; marked && next != from.name {
			crooked = append(crooked, b)
		}
	}
	if len(crooked) == 0 {
		return nil
	}
	if err := m.to.Fence(ctx, crooked, from.name, nothing); err != nil {
		return fmt.Errorf("shard %s: %w", m.to.name, err)
	}
	return m.to.look(ctx)
}

// nothing is what there is to do before a mark that is about nobody's events.
func nothing(context.Context) error { return nil }

// stillThere makes sure that nobody else moved the buckets meanwhile.
func (m *mover) stillThere(ctx context.Context, from *member, buckets []int) error {
	moved, err := from.Fences(store.Fresh(ctx))
	if err != nil {
		return err
	}
	for _, b := range buckets {
		if shard, gone := moved[b]; gone {
			return fmt.Errorf("%w: bucket %d went to %s meanwhile", ErrMove, b, shard)
		}
	}
	return nil
}

// claim takes away the marks that the new shard has from when it gave the buckets away,
// after those who have them marked them for it.
func (m *mover) claim(ctx context.Context, buckets []int) error {
	marks := m.to.known()
	marked := map[string][]int{}
	for _, b := range buckets {
		if from, ok := marks[b]; ok {
			marked[from] = append(marked[from], b)
		}
	}
	for name, group := range marked {
		from := m.member(name)
		if from == nil {
			return unknown(name)
		}
		err := m.to.Fence(ctx, group, "", func(ctx context.Context) error {
			moved, err := from.Fences(store.Fresh(ctx))
			if err != nil {
				return err
			}
			for _, b := range group {
				if moved[b] != m.To {
					return fmt.Errorf("%w: %s did not hand over bucket %d", ErrMove, name, b)
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

// cleanUp removes what is left of buckets anywhere but in their shard, which may be copies of
// a move that was given up.
func (m *mover) cleanUp(ctx context.Context, buckets []int) error {
	if len(buckets) == 0 {
		return nil
	}
	var others []*member
	for _, other := range m.members {
		if other == m.to {
			continue
		}
		marks := other.known()
		unmarked := slices.DeleteFunc(slices.Clone(buckets), func(b int) bool { return marks[b] != "" })
		if len(unmarked) > 0 {
			// Only what is marked as moved may be dropped.
			if err := other.Fence(ctx, unmarked, m.To, nothing); err != nil {
				return fmt.Errorf("shard %s: %w", other.name, err)
			}
		}
		others = append(others, other)
	}
	return m.drop(ctx, others, buckets)
}

// drop removes buckets from shards that handed them over, once nobody reads them there.
func (m *mover) drop(ctx context.Context, from []*member, buckets []int) error {
	for _, other := range from {
		m.tell("wait", other.name, buckets, 0)
	}
	select {
	case <-time.After(m.grace):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := m.locks.held(ctx); err != nil {
		return err
	}
	for _, other := range from {
		m.tell("drop", other.name, buckets, 0)
		if err := other.DropFenced(ctx, buckets); err != nil {
			return fmt.Errorf("shard %s: %w", other.name, err)
		}
	}
	return nil
}

func (m *mover) tell(step, from string, buckets []int, entries int64) {
	if m.Progress != nil {
		m.Progress(Progress{Step: step, Buckets: buckets, From: from, To: m.To, Entries: entries})
	}
}
