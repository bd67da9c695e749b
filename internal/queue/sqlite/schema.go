package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// schemaVersion is kept in PRAGMA user_version. Version 0 is an empty file.
const schemaVersion = 1

// schema holds each event once, and one delivery for each group that it concerns.
//
// An event stays while it has deliveries, and after that while it belongs to the history:
// that begins at the seq in counters.floor and is cut by the time of acceptance (at) and by
// the bytes accepted since (pos counts those before). Both come before the data, so
// that reading them touches nothing of it.
//
// A delivery's id is twice the event's seq in Record (and of a job, which has no other one) and
// one more in Dispatch, and stays so in a lane of what is parked and in the dead letters; the
// order of ids is the order of acceptance. Its lane is a hash
// of bot and order key, in Dispatch only. Of each lane the delivery with the lowest id is
// ready, delayed or claimed; all others are blocked. Its attempts are those that ended in a
// retry; its history is what came of the last ones; its crashes are the owners that were gone
// while they had it. The primary key keeps the deliveries
// of a group and state together, so that everything that is asked while events flow costs
// the same however many events wait.
//
// deliveries_suspect finds the few deliveries that are handed out one at a time; its number is
// [queue.SuspectAfter]. The table parking names the lanes that deliveries of Record are parked
// in, each a group of its own behind the others, and deliveries_parked finds what is in any.
const schema = `
CREATE TABLE events (
	seq          INTEGER PRIMARY KEY,
	at           INTEGER NOT NULL,
	pos          INTEGER NOT NULL,
	attributes   TEXT NOT NULL,
	content_type TEXT NOT NULL,
	data         BLOB NOT NULL
) STRICT;

CREATE TABLE deliveries (
	grp      INTEGER NOT NULL,
	state    INTEGER NOT NULL,
	id       INTEGER NOT NULL,
	owner    INTEGER NOT NULL DEFAULT 0,
	due      INTEGER NOT NULL DEFAULT 0,
	attempts INTEGER NOT NULL DEFAULT 0,
	lane     INTEGER,
	death    TEXT,
	replays  INTEGER NOT NULL DEFAULT 0,
	history  TEXT,
	crashes  INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (grp, state, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due     ON deliveries (grp, due) WHERE state = 2;
CREATE INDEX deliveries_lane    ON deliveries (lane, id) WHERE lane IS NOT NULL;
CREATE INDEX deliveries_suspect ON deliveries (grp, id) WHERE state = 1 AND crashes >= 3;
CREATE INDEX deliveries_parked  ON deliveries (id) WHERE grp > 3;

CREATE TABLE parking (
	grp  INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE seen (
	id TEXT PRIMARY KEY,
	at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
	next_seq INTEGER NOT NULL,
	next_pos INTEGER NOT NULL,
	floor    INTEGER NOT NULL,
	record   INTEGER NOT NULL,
	dispatch INTEGER NOT NULL,
	dead     INTEGER NOT NULL,
	parked   INTEGER NOT NULL
) STRICT;
INSERT INTO counters VALUES (1, 0, 1, 0, 0, 0, 0);
`

// The states of a delivery. They are part of the file format, and of the statements.
const (
	stateBlocked  = 0 // Waits for an earlier delivery of its lane.
	stateReady    = 1
	stateDelayed  = 2 // Becomes ready when it is due.
	stateClaimed  = 3 // Belongs to the consumer that owner names.
	stateSetAside = 4 // Cannot be read; kept for whoever looks into the file.
)

// createTables makes the tables of a new file. It must run inside a write transaction, so that
// of two processes which open a new file only one does.
func createTables(ctx context.Context, conn *sql.Conn) error {
	var version int
	err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	switch {
	case err != nil:
		return err
	case version == schemaVersion:
		return nil
	case version != 0:
		return fmt.Errorf("it has format %d and this version of Botgate knows format %d; "+
			"use the Botgate that made it, or choose another file", version, schemaVersion)
	}
	_, err = conn.ExecContext(ctx, schema+fmt.Sprintf("PRAGMA user_version = %d", schemaVersion))
	return err
}
