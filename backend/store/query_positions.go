package store

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// LogPosition is a place in the log in the order of recording. Entries that are recorded at the
// same time are sorted by id. Running transactions may still add entries before a position of the
// last seconds; see [LogSettled].
type LogPosition struct {
	RecordedAt time.Time
	ID         string
}

// Compare compares in the order of recording.
func (p LogPosition) Compare(other LogPosition) int {
	return cmp.Or(p.RecordedAt.Compare(other.RecordedAt), cmp.Compare(p.ID, other.ID))
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
	// Limit is how many entries are returned at most; see [LogQuery.Size].
	Limit int
	// Bodies asks for the bodies of events too; without it Data is nil. Changes always
	// have theirs.
	Bodies bool
}

// Size is the limit, clamped to 1 and MaxLogLimit.
func (q LogQuery) Size() int { return min(max(q.Limit, 1), MaxLogLimit) }

// MaxLogLimit is the largest page of a log.
const MaxLogLimit = 1000

// A cursor is a position as clients get it: the time in microseconds, eight bytes, and the id, as
// base64url. It needs no escaping, and is opaque to clients.
const timeBytes = 8

// Times outside the years 1 to 9999 can't be written in RFC 3339, and databases refuse some of
// them; no entry has one.
var minTime, maxTime = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// ValidTime reports whether databases and documents can have the time.
func ValidTime(t time.Time) bool { return !t.Before(minTime) && !t.After(maxTime) }

func encodeCursor(at time.Time, id string) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(raw, id...))
}

// decodeCursor reports false for what encodeCursor can't have made.
func decodeCursor(s string) (at time.Time, id string, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	// The decoder skips line breaks.
	if err != nil || len(raw) < timeBytes || strings.ContainsAny(s, "\r\n") {
		return at, "", false
	}
	at, id = time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC(), string(raw[timeBytes:])
	return at, id, ValidTime(at) && (id == "" || ValidID(id))
}

// Cursor is the position as a client gets it.
func (p Position) Cursor() string { return encodeCursor(p.Time, p.ID) }

// ParseCursor reads what [Position.Cursor] made, and reports false for anything else. The id may be
// empty: see [Query.After].
func ParseCursor(s string) (Position, bool) {
	at, id, ok := decodeCursor(s)
	return Position{Time: at, ID: id}, ok
}

// Cursor is the position as a client gets it.
func (p LogPosition) Cursor() string { return encodeCursor(p.RecordedAt, p.ID) }

// ParseLogCursor reads what [LogPosition.Cursor] made, and reports false for anything else. The
// id may be empty: before everything that was recorded at the time.
func ParseLogCursor(s string) (LogPosition, bool) {
	at, id, ok := decodeCursor(s)
	return LogPosition{RecordedAt: at, ID: id}, ok
}
