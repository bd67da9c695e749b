package sqlite

import "fmt"

// acknowledge takes deliveries out for good, and their events with the last one. It returns how many
// the owner still had.
func (tx *transaction) acknowledge(owner int64, group int, leases []*lease) (int, error) {
	taken, err := tx.take(owner, group, leases)
	if err != nil || len(taken) == 0 {
		return 0, err
	}
	if err := tx.finish(taken...); err != nil {
		return 0, err
	}
	for _, l := range taken {
		if err := tx.leaveBy(group, l); err != nil {
			return 0, err
		}
	}
	return len(taken), nil
}

// take deletes deliveries as far as the owner has them leased, and returns those.
func (tx *transaction) take(owner int64, group int, leases []*lease) (taken []*lease, err error) {
	rows, err := tx.ack.QueryContext(tx.ctx, group, jsonArray(leases, func(l *lease) int64 { return l.id }), owner)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	ids := make(map[int64]*lease, len(leases))
	for _, l := range leases {
		ids[l.id] = l
	}
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("reading what was acknowledged: %w", err)
		}
		taken = append(taken, ids[id])
	}
	return taken, rows.Err()
}

// finish removes the events of deliveries that are gone, but for those of which the other delivery is
// still there or to be made, and what the history keeps.
func (tx *transaction) finish(leases ...*lease) error {
	var over [groupDispatch + 1][]*lease // By the group that they were made for; Dead has those of both.
	for _, l := range leases {
		if !tx.keeps || l.seq() < tx.floor {
			over[groupOf(l.id)] = append(over[groupOf(l.id)], l)
		}
	}
	drop := tx.dropEvents
	if tx.depths[groupDead] > 0 || tx.depths[groupParked] > 0 {
		drop = tx.dropUnlessAside
	}
	for _, of := range over {
		if len(of) == 0 {
			continue
		}
		sample := sibling(of[0].id)
		other := groupOf(sample)
		_, err := tx.exec(drop, jsonArray(of, (*lease).seq), bitOf(other), tx.fresh[other], other, sample&1)
		if err != nil {
			return err
		}
	}
	return nil
}
