package sqlite

import (
	"cmp"
	"context"
	"database/sql"

	"github.com/botgate/botgate/internal/queue"
)

// The numbers of the groups in the file.
const (
	groupRecord = iota + 1
	groupDispatch
	groupDead
	// groupParked is that of the first parking lot; the next one has the next number. What is kept
	// for each group is kept for all parking lots together.
	groupParked
	groupCount = iota
)

// slot is the place of a group in what is kept for each.
func slot(group int) int { return min(group, groupParked) }

var groupNumbers = map[queue.Group]int{
	queue.Record:   groupRecord,
	queue.Dispatch: groupDispatch,
	queue.Dead:     groupDead,
}

// transaction is what operations work on.
type transaction struct {
	*statements
	ctx     context.Context
	nextSeq int64
	nextPos int64                    // How many bytes were accepted in all.
	floor   int64                    // Where the history begins.
	fresh   [groupDispatch + 1]int64 // The seq from which events are fresh, in Record and in Dispatch.
	keeps   bool                     // Whether there is a history.
	depths  [groupCount + 1]int64
	bots    map[int64]botCount   // What changed of them, by the hash of their names.
	changed bool                 // Whether the counters have to be saved.
	wrote   bool                 // Whether an event was written.
	touched [groupCount + 1]bool // The groups whose consumers should look again.
}

func (tx *transaction) load() error {
	return tx.loadCounters.QueryRowContext(tx.ctx).
		Scan(&tx.nextSeq, &tx.depths[groupRecord], &tx.depths[groupDispatch], &tx.depths[groupDead], &tx.depths[groupParked],
			&tx.nextPos, &tx.floor, &tx.fresh[groupRecord], &tx.fresh[groupDispatch])
}

// botCount is how many deliveries a bot got in Dispatch, less those that left.
type botCount struct {
	name string
	n    int
}

func (tx *transaction) save() error {
	for bot, c := range tx.bots {
		if _, err := tx.exec(tx.countBot, bot, c.name, c.n); err != nil {
			return err
		}
	}
	if !tx.changed {
		return nil
	}
	_, err := tx.exec(tx.saveCounters, tx.nextSeq, tx.depths[groupRecord], tx.depths[groupDispatch], tx.depths[groupDead],
		tx.depths[groupParked], tx.nextPos, tx.floor, tx.fresh[groupRecord], tx.fresh[groupDispatch])
	return err
}

// exec executes a statement and returns the number of rows that it concerned.
func (tx *transaction) exec(stmt *sql.Stmt, args ...any) (int64, error) {
	result, err := stmt.ExecContext(tx.ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// arrive counts a delivery that a group got and has it looked for.
func (tx *transaction) arrive(group int) {
	tx.depths[slot(group)]++
	tx.touched[slot(group)] = true
	tx.changed = true
}

// arriveOf is arrive for an event of a bot's lane.
func (tx *transaction) arriveOf(group int, lane string) {
	tx.arrive(group)
	if group == groupDispatch {
		tx.count(hashText(lane), lane, 1)
	}
}

// count counts deliveries of a bot. Once it is in the file, its name is known.
func (tx *transaction) count(bot int64, name string, n int) {
	if tx.bots == nil {
		tx.bots = map[int64]botCount{}
	}
	c := tx.bots[bot]
	tx.bots[bot] = botCount{cmp.Or(c.name, name), c.n + n}
}

// leaveBy is leave for a delivery that was leased.
func (tx *transaction) leaveBy(group int, l *lease) error {
	if group == groupDispatch {
		tx.count(l.bot, "", -1)
	}
	return tx.leave(group, l.orderHash)
}

// leave counts a delivery that a group no longer has, and lets the next one of its order key go.
func (tx *transaction) leave(group int, order sql.NullInt64) error {
	tx.depths[slot(group)]--
	tx.changed = true
	if !order.Valid {
		return nil
	}
	n, err := tx.exec(tx.unblock, order.Int64)
	if n > 0 {
		tx.touched[slot(group)] = true
	}
	return err
}

// touchAll has the consumers of every group look for deliveries.
func (tx *transaction) touchAll() { tx.touched = everyGroup }
