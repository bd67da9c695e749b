package store

import "time"

// LogPosition is a place in the log in the order of recording. Entries that are recorded at the
// same time are sorted by id. Running transactions may still add entries before a position of the
// last seconds; see [LogSettled].
type LogPosition struct {
	RecordedAt time.Time
	ID         string
}

// LogSettled is the age at which the log before a position is complete: no transaction of Append
// takes longer.
const LogSettled = 30 * time.Second

// LogQuery chooses entries of the log. Empty fields do not filter.
type LogQuery struct {
	Bot, Subject string
	// Type is that of the event: its changes match too.
	Type string
	// After begins behind a position. The zero position is the beginning.
	After LogPosition
	// Limit is how many entries are returned at most, from 1 to MaxLogLimit.
	Limit int
	// Bodies asks for the bodies of events too; without it Data is nil. Changes always
	// have theirs.
	Bodies bool
}

// MaxLogLimit is the largest page of a log.
const MaxLogLimit = 1000
