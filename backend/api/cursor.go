package api

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/botgate/botgate/backend/store"
)

// A cursor is the time in microseconds, eight bytes, and the id, as base64url. Clients
// must not look into it.
const timeBytes = 8

// Times outside of the years 1 to 9999 can't be written in RFC 3339, and databases
// refuse some of them; no event has one.
var minTime, maxTime = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

func encodeCursor(p store.Position) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(p.Time.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(raw, p.ID...))
}

// decodeCursor reports false for what encodeCursor can't have made.
func decodeCursor(s string) (store.Position, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) <= timeBytes || !searchable(string(raw[timeBytes:]), maxID) {
		return store.Position{}, false
	}
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC()
	if at.Before(minTime) || at.After(maxTime) {
		return store.Position{}, false
	}
	return store.Position{Time: at, ID: string(raw[timeBytes:])}, true
}
