package store

import (
	"encoding/base64"
	"encoding/binary"
	"time"
)

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
	if err != nil || len(raw) < timeBytes {
		return at, "", false
	}
	at, id = time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC(), string(raw[timeBytes:])
	return at, id, ValidTime(at) && (id == "" || ValidID(id))
}

// Cursor is the position as a client gets it.
func (p Position) Cursor() string { return encodeCursor(p.Time, p.ID) }

// ParseCursor reads what [Position.Cursor] made, and reports false for anything else.
func ParseCursor(s string) (Position, bool) {
	at, id, ok := decodeCursor(s)
	return Position{Time: at, ID: id}, ok && id != ""
}

// Cursor is the position as a client gets it.
func (p LogPosition) Cursor() string { return encodeCursor(p.RecordedAt, p.ID) }

// ParseLogCursor reads what [LogPosition.Cursor] made, and reports false for anything else. The
// id may be empty: before everything that was recorded at the time.
func ParseLogCursor(s string) (LogPosition, bool) {
	at, id, ok := decodeCursor(s)
	return LogPosition{RecordedAt: at, ID: id}, ok
}
