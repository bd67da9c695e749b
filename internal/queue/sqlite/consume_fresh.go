package sqlite

import (
	"context"
	"fmt"

	"github.com/botgate/botgate/internal/queue"
)

const (
	// freshStep bounds how many fresh events of Dispatch get their deliveries in one transaction.
	freshStep = 512
	// freshLeft is how many may stay fresh in Dispatch where nobody leases them. Their bots have to be
	// looked for, event by event, by the consumer that comes.
	freshLeft = 4096
)

// leaseFreshRecord gives fresh events their deliveries in Record, leased, as far as the space goes.
func (tx *transaction) leaseFreshRecord(owner int64, free *space, got *leased) error {
	first := tx.fresh[groupRecord]
	if free.none() || first == tx.nextSeq {
		return nil
	}
	leases, err := tx.oldestFresh(free)
	if err != nil {
		return err
	}
	next := tx.nextSeq
	if free.none() {
		next = seqOf(leases[len(leases)-1].id) + 1
	}
	tx.fresh[groupRecord], tx.changed = next, true
	got.leases = append(got.leases, leases...)
	_, err = tx.exec(tx.leaseFresh, owner, first, next)
	return err
}

// oldestFresh lists the first fresh events of Record until the space is used up.
func (tx *transaction) oldestFresh(free *space) (leases []*lease, err error) {
	rows, err := tx.freshRecord.QueryContext(tx.ctx, tx.fresh[groupRecord], free.count)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for !free.none() && rows.Next() {
		var seq, size int64
		if err := rows.Scan(&seq, &size); err != nil {
			return nil, err
		}
		leases = append(leases, &lease{id: recordID(seq), size: size})
		free.count--
		free.bytes -= size
	}
	return leases, rows.Err()
}

// leaseFreshBots gives fresh events their deliveries in Dispatch and leases those that may go and fit.
// What was ready before has had its turn. The others are what the next leases are made from, so all
// bots have a part in them.
func (tx *transaction) leaseFreshBots(owner int64, free *space, got *leased) error {
	n, err := tx.takeIn(freshStep, func(l *lease) int64 {
		room, due := free.room(l.bot, free.each)
		if got.wakeAt(due); free.none() || room <= 0 {
			return 0
		}
		free.count--
		free.bytes -= l.size
		free.held[l.bot]++
		got.leases, got.after = append(got.leases, l), l.bot
		return owner
	})
	got.full = got.full || n == freshStep || free.none()
	return err
}

// takeIn gives the first fresh events their deliveries in Dispatch, and returns how many. What is ready
// is leased to the owner that the function says, unless that is 0.
func (tx *transaction) takeIn(limit int, ownerOf func(*lease) int64) (int, error) {
	if tx.fresh[groupDispatch] == tx.nextSeq {
		return 0, nil
	}
	leases, blocked, err := tx.freshLeases(limit)
	if err != nil {
		return 0, err
	}
	for i, l := range leases {
		state, owner := stateBlocked, int64(0)
		if !blocked[i] {
			state = stateReady
			if owner = ownerOf(l); owner != 0 {
				state = stateLeased
			}
		}
		if _, err := tx.exec(tx.addDispatch, state, l.id, owner, l.bot, l.orderHash, l.replays); err != nil {
			return 0, err
		}
	}
	tx.changed = true
	if tx.fresh[groupDispatch] = tx.nextSeq; len(leases) == limit {
		tx.fresh[groupDispatch] = seqOf(leases[limit-1].id) + 1
	}
	return len(leases), nil
}

// freshLeases reads the first fresh events of Dispatch, and whether something of their order key is there
// before them.
func (tx *transaction) freshLeases(limit int) (leases []*lease, blocked []bool, err error) {
	rows, err := tx.freshDispatch.QueryContext(tx.ctx, tx.fresh[groupDispatch], limit)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }()
	keys := map[int64]bool{}
	for rows.Next() {
		l := &lease{}
		var seq int64
		var behind bool
		if err := rows.Scan(&seq, &l.size, &l.bot, &l.orderHash, &l.replays, &behind); err != nil {
			return nil, nil, err
		}
		l.id = sibling(recordID(seq))
		leases, blocked = append(leases, l), append(blocked, behind || keys[l.orderHash.Int64])
		keys[l.orderHash.Int64] = true
	}
	return leases, blocked, rows.Err()
}

// takeInUpTo gives fresh events their deliveries in Dispatch until that with a seq has its own.
func (tx *transaction) takeInUpTo(seq int64) error {
	for tx.fresh[groupDispatch] <= seq && tx.fresh[groupDispatch] < tx.nextSeq {
		if _, err := tx.takeIn(freshStep, nobody); err != nil {
			return err
		}
	}
	return nil
}

// nobody leases nothing.
func nobody(*lease) int64 { return 0 }

// takeIn gives fresh events their deliveries in Dispatch, in steps, where more are left than a consumer
// should find.
func (q *Queue) takeIn(ctx context.Context) error {
	var next, fresh int64
	err := q.reader.QueryRowContext(ctx, "SELECT next_seq, dispatch_fresh FROM counters").Scan(&next, &fresh)
	if err != nil {
		return fmt.Errorf("%w: reading what is fresh in the queue file: %w", queue.ErrUnavailable, err)
	}
	for next-fresh > freshLeft {
		err := q.writer.do(ctx, freshStep, func(tx *transaction) error {
			_, err := tx.takeIn(freshStep, nobody)
			next, fresh = tx.nextSeq, tx.fresh[groupDispatch]
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
