package sqlite

// schema holds each event once, and one delivery for each group that it concerns.
//
// An event is fresh in a group that it concerns (grps) until it gets its delivery there, when a consumer
// leases it or a second has passed: so accepting one writes no row but its own and the one in seen. What
// is fresh begins at the seq in counters.record_fresh and counters.dispatch_fresh; it is ready, or in
// Dispatch blocked by what comes before it.
//
// An event stays while it has deliveries, and after that while it belongs to the history: that
// begins at the seq in counters.floor and is cut by the time of acceptance (at) and by the bytes
// accepted since (pos counts those before). All columns come before data, so that reading them
// touches none of it. One that is redelivered (again) is there twice; that row is not shown.
//
// A delivery's id is twice the event's seq in Record and one more in Dispatch. It stays so in the
// parking lots and the dead letters, so the order of ids is the order of acceptance. The primary
// key keeps the deliveries of a group and state together, so that everything that is asked while
// events flow costs the same however many events wait. Other columns of a delivery:
//   - bot is the hash of the bot's lane, in Dispatch and the dead letters from there, else 0. A
//     consumer leases only so much of each lane: deliveries_bot has what is ready.
//   - order_hash is the hash of bot and order key, in Dispatch only. Of each the delivery with the
//     lowest id is ready, delayed or leased; all others are blocked.
//   - attempts counts those that ended in a retry; outcomes are what the last ones came to.
//   - crashes counts the owners that were gone while they had it. deliveries_suspect finds the few
//     that are suspected poison messages.
//
// parking_lots names the parking lots; each is a group with a number behind the others. bots counts
// what each bot has in Dispatch. requests has the last ones of RetryNow and GiveUp, numbered, for the
// other processes to hear of. seen has the keys of the ids of the repeat window, see [seenKey].
const schema = `
CREATE TABLE events (
	seq          INTEGER PRIMARY KEY,
	at           INTEGER NOT NULL,
	pos          INTEGER NOT NULL,
	again        INTEGER NOT NULL,
	grps         INTEGER NOT NULL,
	bot          INTEGER NOT NULL,
	order_hash   INTEGER NOT NULL,
	replays      INTEGER NOT NULL,
	attributes   TEXT NOT NULL,
	content_type TEXT NOT NULL,
	data         BLOB NOT NULL
) STRICT;

CREATE TABLE deliveries (
	grp        INTEGER NOT NULL,
	state      INTEGER NOT NULL,
	id         INTEGER NOT NULL,
	owner      INTEGER NOT NULL DEFAULT 0,
	due        INTEGER NOT NULL DEFAULT 0,
	attempts   INTEGER NOT NULL DEFAULT 0,
	bot        INTEGER NOT NULL DEFAULT 0,
	order_hash INTEGER,
	dead_info  TEXT,
	replays    INTEGER NOT NULL DEFAULT 0,
	outcomes   TEXT,
	crashes    INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (grp, state, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due     ON deliveries (grp, due) WHERE state = {delayed};
CREATE INDEX deliveries_order   ON deliveries (order_hash, id) WHERE order_hash IS NOT NULL;
CREATE INDEX deliveries_bot     ON deliveries (bot, id) WHERE grp = {dispatch} AND state = {ready};
CREATE INDEX deliveries_suspect ON deliveries (grp, id) WHERE state = {ready} AND crashes >= {suspect};
CREATE INDEX deliveries_parked  ON deliveries (id) WHERE grp > {dead};

CREATE TABLE parking_lots (
	grp  INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE bots (
	bot   INTEGER PRIMARY KEY,
	name  TEXT NOT NULL,
	depth INTEGER NOT NULL
) STRICT;

CREATE TABLE requests (
	n     INTEGER PRIMARY KEY,
	bot   TEXT NOT NULL,
	event TEXT NOT NULL
) STRICT;

CREATE TABLE seen (
	id BLOB PRIMARY KEY,
	at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
	next_seq       INTEGER NOT NULL,
	next_pos       INTEGER NOT NULL,
	floor          INTEGER NOT NULL,
	record         INTEGER NOT NULL,
	dispatch       INTEGER NOT NULL,
	dead           INTEGER NOT NULL,
	parked         INTEGER NOT NULL,
	record_fresh   INTEGER NOT NULL,
	dispatch_fresh INTEGER NOT NULL
) STRICT;
INSERT INTO counters VALUES (1, 0, 1, 0, 0, 0, 0, 1, 1);
`

// The states of a delivery, as the file has them. Statements make a delivery blocked or ready by a
// condition that is false or true.
const (
	stateBlocked    = 0 // Waits for an earlier delivery of its order key.
	stateReady      = 1
	stateDelayed    = 2 // Becomes ready when it is due.
	stateLeased     = 3 // Belongs to the consumer that owner names.
	stateUnreadable = 4 // Can't be decoded; kept for those who look into the file.
)
