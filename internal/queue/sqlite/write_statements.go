package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/botgate/botgate/internal/queue"
)

// numbers puts the numbers of groups and states in the place of their names in braces. They are
// no parameters of the statements because SQLite matches partial indexes by text.
var numbers = strings.NewReplacer(
	"{record}", strconv.Itoa(groupRecord),
	"{dispatch}", strconv.Itoa(groupDispatch),
	"{dead}", strconv.Itoa(groupDead),
	"{in_record}", strconv.Itoa(bitOf(groupRecord)),
	"{in_dispatch}", strconv.Itoa(bitOf(groupDispatch)),
	"{blocked}", strconv.Itoa(stateBlocked),
	"{ready}", strconv.Itoa(stateReady),
	"{delayed}", strconv.Itoa(stateDelayed),
	"{leased}", strconv.Itoa(stateLeased),
	"{unreadable}", strconv.Itoa(stateUnreadable),
	"{suspect}", strconv.Itoa(queue.SuspectAfter),
)

// statements are what the writer executes, prepared once on its connection. OR ROLLBACK saves
// SQLite a copy of each page before each statement, made so that one that fails can be undone
// alone: here a statement that fails always undoes the transaction. The plus before a parameter hides
// its value from SQLite, which would otherwise prepare the statement anew for each value: for partial
// indexes with a number in its place, and for limits.
type statements struct {
	loadCounters, saveCounters  *sql.Stmt
	remember, stepEnd, forget   *sql.Stmt
	seen                        *sql.Stmt
	addEvent, unwrite           *sql.Stmt
	dropEvents, dropUnlessAside *sql.Stmt
	freshRecord, freshDispatch  *sql.Stmt
	leaseFresh, addDispatch     *sql.Stmt
	nextDue, promote, advance   *sql.Stmt
	dueNow                      *sql.Stmt
	ready, lease                *sql.Stmt
	nextBot, readyOf, leaseOf   *sql.Stmt
	countBot                    *sql.Stmt
	addRequest, forgetRequests  *sql.Stmt
	wakeBot, wakeEvent          *sql.Stmt
	suspect, leaseOne           *sql.Stmt
	ack, retry, deadLetter      *sql.Stmt
	quarantine                  *sql.Stmt
	park, addLot, lotNumber     *sql.Stmt
	unblock, release, crashed   *sql.Stmt
	redrive, restore            *sql.Stmt
	cut, takeDead, again, known *sql.Stmt
	all                         []*sql.Stmt
}

// ours selects a delivery whose lease a consumer has: group, id and owner.
const ours = ` WHERE grp = +?1 AND state = {leased} AND id = ?2 AND owner = ?3`

// everyLease selects what is leased, in all groups.
const everyLease = `grp IN (SELECT {record} UNION ALL SELECT {dispatch} UNION ALL SELECT {dead} UNION ALL SELECT grp FROM parking_lots) AND state = {leased}`

// leasable begins the choice of ready deliveries of a group. The length is known without reading the
// data.
func leasable(from, group string) string {
	return `SELECT d.id, d.bot, d.attempts, d.order_hash, d.dead_info, d.replays, d.outcomes, d.crashes, ifnull(length(e.data), 0)
	FROM deliveries d ` + from + ` LEFT JOIN events e ON e.seq = d.id >> 1 WHERE d.grp = ` + group + ` AND d.state = {ready}`
}

// ofBots has SQLite look up what is ready of a bot. It knows too little of the file to do so by itself.
const ofBots = `INDEXED BY deliveries_bot`

// ofSuspects has it look up the suspects, of which there are few, and not go through all that is ready.
const ofSuspects = `INDEXED BY deliveries_suspect`

// siblingID is the id of an event's delivery in the group ?4, of which ids are odd where ?5 is 1.
const siblingID = `(2 * seq + ?5)`

// dropEvents deletes events with the seqs of a JSON array, unless they are fresh in the group ?4, or have
// a delivery there.
var dropEvents = `DELETE FROM events WHERE seq IN (SELECT value FROM json_each(?1)) AND NOT (grps & ?2 AND seq >= ?3)` +
	noDelivery("+?4", siblingID)

// notParked is the condition, to be appended to others, that no parking lot has a delivery
// with the id. It is looked up in an index of its own.
func notParked(id string) string {
	return " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE grp > {dead} AND id = " + id + ")"
}

// redrive begins the way of a dead letter back to a group, with the hash of its order key.
func redrive(group, order string) string {
	return `UPDATE OR ROLLBACK deliveries SET grp = ` + group + `, owner = 0, due = 0, attempts = 0, order_hash = ` + order + `, dead_info = NULL,
		state = (` + order + ` IS NULL OR NOT EXISTS (SELECT 1 FROM deliveries WHERE order_hash = ` + order + `))`
}

// noDelivery is the condition, to be appended to others, that a group has no delivery with
// the id. Each state is looked up by the whole key, the likely ones first: for IN, SQLite
// would build two tables each time.
func noDelivery(group, id string) string {
	var b strings.Builder
	for _, state := range []int{stateReady, stateLeased, stateBlocked, stateDelayed, stateUnreadable} {
		fmt.Fprintf(&b, " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE grp = %s AND state = %d AND id = %s)", group, state, id)
	}
	return b.String()
}

// statementText is the text of a statement and where the prepared one goes.
type statementText struct {
	stmt **sql.Stmt
	text string
}

func (s *statements) texts() []statementText { return append(s.leaseTexts(), s.settleTexts()...) }

// leaseTexts are those that accept events and lease deliveries.
func (s *statements) leaseTexts() []statementText {
	return []statementText{
		{&s.loadCounters, `SELECT next_seq, record, dispatch, dead, parked, next_pos, floor, record_fresh, dispatch_fresh
			FROM counters`},
		{&s.saveCounters, `UPDATE counters SET next_seq = ?, record = ?, dispatch = ?, dead = ?, parked = ?, next_pos = ?, floor = ?,
			record_fresh = ?, dispatch_fresh = ?`},

		{&s.remember, `INSERT INTO seen (id, at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`},
		{&s.seen, `SELECT count(*) FROM seen WHERE id = ?`},
		{&s.stepEnd, `SELECT max(id), count(*) FROM (SELECT id FROM seen WHERE id > ? ORDER BY id LIMIT +?)`},
		{&s.forget, `DELETE FROM seen WHERE id > ? AND id <= ? AND at < ?`},

		{&s.addEvent, `INSERT OR ROLLBACK INTO events (seq, at, pos, again, grps, bot, order_hash, replays, attributes, content_type, data)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&s.unwrite, `DELETE FROM events WHERE seq = ?`},
		{&s.dropEvents, dropEvents},
		{&s.dropUnlessAside, dropEvents + notParked(siblingID) + noDelivery("{dead}", siblingID)},
		{&s.freshRecord, `SELECT seq, length(data) FROM events WHERE seq >= ? AND grps & {in_record} ORDER BY seq LIMIT +?`},
		{&s.leaseFresh, `INSERT OR ROLLBACK INTO deliveries (grp, state, id, owner)
			SELECT {record}, {leased}, 2 * seq, ? FROM events WHERE seq >= ? AND seq < ? AND grps & {in_record}`},
		{&s.freshDispatch, `SELECT seq, length(data), bot, order_hash, replays,
			EXISTS (SELECT 1 FROM deliveries WHERE order_hash = events.order_hash)
			FROM events WHERE seq >= ? AND grps & {in_dispatch} ORDER BY seq LIMIT +?`},
		{&s.addDispatch, `INSERT OR ROLLBACK INTO deliveries (grp, state, id, owner, bot, order_hash, replays)
			VALUES ({dispatch}, ?, ?, ?, ?, ?, ?)`},

		{&s.nextDue, `SELECT (SELECT min(due) FROM deliveries WHERE grp = +?1 AND state = {delayed}),
			(SELECT max(due) FROM deliveries WHERE grp = +?1 AND state = {delayed})`},
		{&s.advance, `UPDATE OR ROLLBACK deliveries SET due = ?2 WHERE grp = +?1 AND state = {delayed} AND due > ?3`},
		{&s.promote, `UPDATE OR ROLLBACK deliveries SET state = {ready}, due = 0 WHERE grp = +?1 AND state = {delayed} AND id IN
			(SELECT id FROM deliveries WHERE grp = +?1 AND state = {delayed} AND due <= ?2 ORDER BY due LIMIT +?3)`},
		{&s.dueNow, `UPDATE OR ROLLBACK deliveries SET due = 0 WHERE grp = +?1 AND state = {delayed} AND ifnull(bot = ?2, true)`},
		{&s.ready, leasable("", "+?") + ` AND d.crashes < {suspect} ORDER BY d.id LIMIT +?`},
		{&s.lease, `UPDATE OR ROLLBACK deliveries SET state = {leased}, owner = ?1 WHERE grp = +?2 AND state = {ready} AND id <= ?3 AND crashes < {suspect}`},
		{&s.nextBot, `SELECT bot FROM deliveries ` + ofBots + ` WHERE grp = {dispatch} AND state = {ready} AND bot > ? ORDER BY bot LIMIT 1`},
		{&s.readyOf, leasable(ofBots, "{dispatch}") + ` AND d.crashes < {suspect} AND d.bot = ? ORDER BY d.id LIMIT +?`},
		{&s.leaseOf, `UPDATE OR ROLLBACK deliveries ` + ofBots + ` SET state = {leased}, owner = ?1 WHERE grp = {dispatch} AND state = {ready} AND bot = ?2 AND id <= ?3 AND crashes < {suspect}`},
		{&s.countBot, `INSERT OR ROLLBACK INTO bots (bot, name, depth) VALUES (?, ?, ?) ON CONFLICT (bot) DO UPDATE SET depth = depth + excluded.depth`},
		{&s.wakeBot, `UPDATE OR ROLLBACK deliveries SET state = {ready}, due = 0 WHERE grp = {dispatch} AND state = {delayed} AND bot IN (SELECT value FROM json_each(?))`},
		{&s.addRequest, `INSERT OR ROLLBACK INTO requests (bot, event) SELECT ?1, ?2 FROM bots WHERE bot IN (SELECT value FROM json_each(?3)) LIMIT 1`},
		{&s.forgetRequests, `DELETE FROM requests WHERE n <= (SELECT max(n) FROM requests) - ?`},
		{&s.wakeEvent, `UPDATE OR ROLLBACK deliveries SET state = {ready}, due = 0 WHERE grp = {dispatch} AND state = {delayed} AND bot IN (SELECT value FROM json_each(?1))
			AND EXISTS (SELECT 1 FROM events WHERE seq = deliveries.id >> 1 AND json_extract(attributes, '$.id') = ?2)`},
		{&s.suspect, leasable(ofSuspects, "+?") + ` AND d.crashes >= {suspect} ORDER BY d.id LIMIT 1`},
		{&s.leaseOne, `UPDATE OR ROLLBACK deliveries SET state = {leased}, owner = ?1 WHERE grp = +?2 AND state = {ready} AND id = ?3`},
	}
}

// settleTexts are those that settle deliveries, and bring back what was settled.
func (s *statements) settleTexts() []statementText {
	return []statementText{
		{&s.ack, `DELETE FROM deliveries WHERE grp = +? AND state = {leased} AND id IN (SELECT value FROM json_each(?))
			AND owner = ? RETURNING id`},
		{&s.retry, `UPDATE OR ROLLBACK deliveries SET state = ?4, owner = 0, due = ?5, attempts = attempts + ?6, outcomes = ?7, crashes = 0` + ours},
		{&s.deadLetter, `UPDATE OR ROLLBACK deliveries SET grp = {dead}, state = {ready}, owner = 0, attempts = 0, order_hash = NULL, outcomes = NULL, crashes = 0, dead_info = ?4` + ours},
		{&s.quarantine, `UPDATE OR ROLLBACK deliveries SET state = {unreadable}, owner = 0, order_hash = NULL` + ours},
		{&s.park, `UPDATE OR ROLLBACK deliveries SET grp = ?4, state = {ready}, owner = 0` + ours},
		{&s.addLot, `INSERT INTO parking_lots (grp, name) SELECT ifnull(max(grp), {dead}) + 1, ?1 FROM parking_lots WHERE true ON CONFLICT (name) DO NOTHING`},
		{&s.lotNumber, `SELECT grp FROM parking_lots WHERE name = ?`},
		{&s.unblock, `UPDATE OR ROLLBACK deliveries SET state = {ready} WHERE grp = {dispatch} AND state = {blocked} AND id =
			(SELECT id FROM deliveries WHERE order_hash = ? ORDER BY id LIMIT 1)`},
		{&s.release, `UPDATE OR ROLLBACK deliveries SET state = {ready}, owner = 0 WHERE ` + everyLease + ` AND owner = ?`},
		{&s.crashed, `UPDATE OR ROLLBACK deliveries SET state = {ready}, owner = 0, crashes = crashes + (grp <> {dead}) WHERE ` + everyLease + ` AND owner = ?`},

		// It stands where it stood among the events of its order key, but what is there goes on.
		{&s.redrive, redrive("?4", "?5") + ours},
		{&s.restore, redrive("?2", "?3") + ` WHERE grp = {dead} AND state = {ready} AND id = ?1`},
		{&s.cut, `DELETE FROM events WHERE seq >= ?1 AND seq < ?2
			AND NOT (grps & {in_record} AND seq >= ?3) AND NOT (grps & {in_dispatch} AND seq >= ?4)` +
			noDelivery("{record}", "2 * seq") + notParked("2 * seq") + noDelivery("{dispatch}", "2 * seq + 1") + noDelivery("{dead}", "2 * seq") + noDelivery("{dead}", "2 * seq + 1")},
		{&s.takeDead, `DELETE FROM deliveries WHERE grp = {dead} AND state = {ready} AND id = ?`},
		// As with redrive.
		{&s.again, `INSERT OR ROLLBACK INTO deliveries (grp, state, id, order_hash, replays, bot)
			SELECT ?1, ?3 IS NULL OR NOT EXISTS (SELECT 1 FROM deliveries WHERE order_hash = ?3), ?2, ?3, ?4, ?5
			WHERE EXISTS (SELECT 1 FROM events WHERE seq = ?2 >> 1 AND NOT (grps & ?6 AND seq >= ?7))` + noDelivery("?1", "?2") + notParked("?2") + noDelivery("{dead}", "?2")},
		{&s.known, `SELECT count(*) FROM events WHERE seq = ?`},
	}
}

func prepare(ctx context.Context, conn *sql.Conn) (*statements, error) {
	s := &statements{}
	for _, p := range s.texts() {
		stmt, err := conn.PrepareContext(ctx, numbers.Replace(p.text)) //nolint:sqlclosecheck // close closes it.
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
