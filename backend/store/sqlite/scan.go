package sqlite

import (
	"database/sql"
	"math"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// logColumns are the columns of the log, as e, in the order in which scanEntry reads them;
// bodies are left out here.
const logColumns = `e.event_time, e.id, coalesce(e.ref, ''), e.bucket, e.bot, e.type, e.status, e.attempt, e.replays, e.took_ms,
	e.subject, e.order_key, e.verified_by, e.trace_parent, e.content_type, e.not_before, e.time, e.recorded_at`

type scanner interface{ Scan(dest ...any) error }

// scanEntry reads logColumns, and then more.
func scanEntry(row scanner, more ...any) (store.Entry, error) {
	e := &event.Event{}
	entry := store.Entry{Event: e}
	var eventTime, at, recordedAt, took int64
	var notBefore sql.NullInt64
	var status int
	dest := append([]any{
		&eventTime, &e.ID, &entry.Ref, &entry.Bucket, &e.Bot, &entry.EventType, &status, &entry.State.Attempts, &entry.State.Replays, &took,
		&e.Subject, &e.OrderKey, &e.VerifiedBy, &e.TraceParent, &e.ContentType, &notBefore, &at, &recordedAt,
	}, more...)
	if err := row.Scan(dest...); err != nil {
		return store.Entry{}, err
	}
	entry.EventTime, e.Time, entry.RecordedAt = fromMicros(eventTime), fromMicros(at), fromMicros(recordedAt)
	if notBefore.Valid {
		e.NotBefore = fromMicros(notBefore.Int64)
	}
	entry.State.Status, entry.State.UpdatedAt = store.StatusOf(status), e.Time
	entry.Took = time.Duration(took) * time.Millisecond
	if e.Type = entry.EventType; entry.Ref != "" {
		e.Type = event.ChangeType(entry.State.Status)
	}
	return entry, nil
}

// scanWithBody reads logColumns and the body. Where that is null, Data is nil.
func scanWithBody(row *sql.Rows) (store.Entry, error) {
	var data []byte
	entry, err := scanEntry(row, &data)
	if err == nil {
		entry.Data = data
	}
	return entry, err
}

// scanPlain reads logColumns.
func scanPlain(row *sql.Rows) (store.Entry, error) { return scanEntry(row) }

// scanRecord reads logColumns and the status, and then more.
func scanRecord(row scanner, more ...any) (*store.Record, error) {
	var r store.Record
	var status int
	var updatedAt int64
	entry, err := scanEntry(row, append([]any{&status, &r.AttemptCount, &updatedAt}, more...)...)
	if err != nil {
		return nil, err
	}
	r.Event, r.RecordedAt = entry.Event, entry.RecordedAt
	r.Status, r.UpdatedAt = store.StatusOf(status), fromMicros(updatedAt)
	return &r, nil
}

func fromMicros(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// micros converts the time of a query. Times that no event can have are brought into range.
func micros(t time.Time) int64 {
	switch year := t.Year(); {
	case year < 0:
		return math.MinInt64
	case year > 9999:
		return math.MaxInt64
	}
	return t.UnixMicro()
}
