package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// statements are what the writer executes, prepared once on its connection. The numbers
// of states and groups are written out because partial indexes are matched by text. OR
// ROLLBACK saves SQLite a copy of each page before each statement, made so that one that
// fails can be undone alone: here a statement that fails always undoes the transaction.
type statements struct {
	loadCounters, saveCounters  *sql.Stmt
	remember, stepEnd, forget   *sql.Stmt
	addEvent, dropEvent         *sql.Stmt
	addPlain, addDispatch       *sql.Stmt
	nextDue, promote            *sql.Stmt
	ready, take                 *sql.Stmt
	suspect, takeOne            *sql.Stmt
	ack, retry, setAside        *sql.Stmt
	deadLetter                  *sql.Stmt
	park, addLot, lotNumber     *sql.Stmt
	unblock, release, crashed   *sql.Stmt
	redriveDead, dropDead       *sql.Stmt
	cut, takeDead, again, known *sql.Stmt
	all                         []*sql.Stmt
}

// ours selects a delivery that a consumer has claimed: group, id and owner.
const ours = ` WHERE grp = ?1 AND state = 3 AND id = ?2 AND owner = ?3`

// everyClaim selects what is claimed, in all groups.
const everyClaim = `grp IN (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT grp FROM parking) AND state = 3`

// claimable begins the choice of ready deliveries. The length is known without reading the
// data.
const claimable = `SELECT d.id, d.attempts, d.lane, d.death, d.replays, d.history, d.crashes, ifnull(length(e.data), 0)
	FROM deliveries d LEFT JOIN events e ON e.seq = d.id >> 1 WHERE d.grp = ? AND d.state = 1`

// unlessDelivered is the condition that no delivery has the id ?3, neither in the group ?2
// nor in a parking lot or the dead letters.
func unlessDelivered() string {
	return noDelivery("?2", "?3") + notParked("?3") + noDelivery("3", "?3")
}

// notParked is the condition, to be appended to others, that no parking lot has a delivery
// with the id. It is looked up in an index of its own.
func notParked(id string) string {
	return " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE grp > 3 AND id = " + id + ")"
}

// noDelivery is the condition, to be appended to others, that a group has no delivery with
// the id. Each state is looked up by the whole key, the likely ones first: for IN, SQLite
// would build two tables each time.
func noDelivery(group, id string) string {
	var b strings.Builder
	for _, state := range []int{stateReady, stateClaimed, stateBlocked, stateDelayed, stateSetAside} {
		fmt.Fprintf(&b, " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE grp = %s AND state = %d AND id = %s)", group, state, id)
	}
	return b.String()
}

// statementText is the text of a statement and where the prepared one goes.
type statementText struct {
	stmt **sql.Stmt
	text string
}

func (s *statements) texts() []statementText {
	return []statementText{
		{&s.loadCounters, `SELECT next_seq, record, dispatch, dead, parked, next_pos, floor FROM counters`},
		{&s.saveCounters, `UPDATE counters SET next_seq = ?, record = ?, dispatch = ?, dead = ?, parked = ?, next_pos = ?, floor = ?`},

		{&s.remember, `INSERT INTO seen (id, at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`},
		{&s.stepEnd, `SELECT max(id), count(*) FROM (SELECT id FROM seen WHERE id > ? ORDER BY id LIMIT ?)`},
		{&s.forget, `DELETE FROM seen WHERE id > ? AND id <= ? AND at < ?`},

		{&s.addEvent, `INSERT OR ROLLBACK INTO events (seq, at, pos, attributes, content_type, data) VALUES (?, ?, ?, ?, ?, ?)`},
		{&s.dropEvent, `DELETE FROM events WHERE seq = ?1` + unlessDelivered()},
		{&s.addPlain, `INSERT OR ROLLBACK INTO deliveries (grp, state, id) VALUES (?, 1, ?)`},
		{&s.addDispatch, `INSERT OR ROLLBACK INTO deliveries (grp, state, id, lane) VALUES
			(2, NOT EXISTS (SELECT 1 FROM deliveries WHERE lane = ?2), ?1, ?2)`},

		{&s.nextDue, `SELECT min(due) FROM deliveries WHERE grp = ? AND state = 2`},
		{&s.promote, `UPDATE OR ROLLBACK deliveries SET state = 1, due = 0 WHERE grp = ?1 AND state = 2 AND id IN
			(SELECT id FROM deliveries WHERE grp = ?1 AND state = 2 AND due <= ?2 ORDER BY due LIMIT ?3)`},
		{&s.ready, claimable + ` AND d.crashes < 3 ORDER BY d.id LIMIT ?`},
		{&s.take, `UPDATE OR ROLLBACK deliveries SET state = 3, owner = ?1 WHERE grp = ?2 AND state = 1 AND id <= ?3 AND crashes < 3`},
		{&s.suspect, claimable + ` AND d.crashes >= 3 ORDER BY d.id LIMIT 1`},
		{&s.takeOne, `UPDATE OR ROLLBACK deliveries SET state = 3, owner = ?1 WHERE grp = ?2 AND state = 1 AND id = ?3`},

		{&s.ack, `DELETE FROM deliveries` + ours},
		{&s.retry, `UPDATE OR ROLLBACK deliveries SET state = ?4, owner = 0, due = ?5, attempts = attempts + ?6, history = ?7, crashes = 0` + ours},
		{&s.deadLetter, `UPDATE OR ROLLBACK deliveries SET grp = 3, state = 1, owner = 0, attempts = 0, lane = NULL, history = NULL, crashes = 0, death = ?4` + ours},
		{&s.setAside, `UPDATE OR ROLLBACK deliveries SET state = 4, owner = 0, lane = NULL` + ours},
		{&s.park, `UPDATE OR ROLLBACK deliveries SET grp = ?4, state = 1, owner = 0` + ours},
		{&s.addLot, `INSERT INTO parking (grp, name) SELECT ifnull(max(grp), 3) + 1, ?1 FROM parking WHERE true ON CONFLICT (name) DO NOTHING`},
		{&s.lotNumber, `SELECT grp FROM parking WHERE name = ?`},
		{&s.unblock, `UPDATE OR ROLLBACK deliveries SET state = 1 WHERE grp = 2 AND state = 0 AND id =
			(SELECT id FROM deliveries WHERE lane = ? ORDER BY id LIMIT 1)`},
		{&s.release, `UPDATE OR ROLLBACK deliveries SET state = 1, owner = 0 WHERE ` + everyClaim + ` AND owner = ?`},
		{&s.crashed, `UPDATE OR ROLLBACK deliveries SET state = 1, owner = 0, crashes = crashes + (grp <> 3) WHERE ` + everyClaim + ` AND owner = ?`},

		// It stands where it stood among the events of its lane, but what is there goes on.
		{&s.redriveDead, `UPDATE OR ROLLBACK deliveries SET grp = ?3, owner = 0, due = 0, lane = ?4, death = NULL, replays = replays + 1,
			state = (?4 IS NULL OR NOT EXISTS (SELECT 1 FROM deliveries WHERE lane = ?4))
			WHERE grp = 3 AND state = ?1 AND id = ?2`},
		{&s.dropDead, `DELETE FROM deliveries WHERE grp = 3 AND state = ?1 AND id = ?2`},
		{&s.cut, `DELETE FROM events WHERE seq >= ?1 AND seq < ?2` +
			noDelivery("1", "2 * seq") + notParked("2 * seq") + noDelivery("2", "2 * seq + 1") + noDelivery("3", "2 * seq") + noDelivery("3", "2 * seq + 1")},
		{&s.takeDead, `DELETE FROM deliveries WHERE grp = 3 AND state = 1 AND id = ?`},
		// As with redriveDead.
		{&s.again, `INSERT OR ROLLBACK INTO deliveries (grp, state, id, lane, replays)
			SELECT ?1, ?3 IS NULL OR NOT EXISTS (SELECT 1 FROM deliveries WHERE lane = ?3), ?2, ?3, ?4
			WHERE EXISTS (SELECT 1 FROM events WHERE seq = ?2 >> 1)` + noDelivery("?1", "?2") + notParked("?2") + noDelivery("3", "?2")},
		{&s.known, `SELECT count(*) FROM events WHERE seq = ?`},
	}
}

func prepare(ctx context.Context, conn *sql.Conn) (*statements, error) {
	s := &statements{}
	for _, p := range s.texts() {
		stmt, err := conn.PrepareContext(ctx, p.text) //nolint:sqlclosecheck // close closes it.
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		*p.stmt = stmt
		s.all = append(s.all, stmt)
	}
	return s, nil
}

func (s *statements) close() error {
	var errs []error
	for _, stmt := range s.all {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}
