package sqlstore

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// UTC scans a time into t: of PostgreSQL a timestamptz, and of SQLite microseconds since 1970. Null
// leaves it as it is.
func UTC(t *time.Time) sql.Scanner { return utc{t} }

type utc struct{ t *time.Time }

// Scan implements [sql.Scanner].
func (u utc) Scan(value any) error {
	switch v := value.(type) {
	case nil:
	case int64:
		*u.t = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("%T is no time", value)
	}
	return nil
}

// ScanTimestamptz implements [pgtype.TimestamptzScanner], which is how pgx scans.
func (u utc) ScanTimestamptz(v pgtype.Timestamptz) error {
	if v.Valid {
		*u.t = v.Time.UTC()
	}
	return nil
}

// LogColumns are the columns of the log, as e, in the order in which [ScanEntry] reads them;
// bodies are left out here.
const LogColumns = `e.event_time, e.time, e.recorded_at, e.not_before,
	coalesce(e.attempt, 0), coalesce(e.replays, 0), coalesce(e.took_ms, 0), e.bucket, e.status, e.id, coalesce(e.ref, ''), e.bot, e.type,
	e.subject, e.order_key, e.verified_by, e.trace_parent, e.request_id, e.content_type, e.headers`

// ScanEntry reads [LogColumns].
func ScanEntry(row Row) (store.Entry, error) { return scanEntry(row) }

// scanEntry reads LogColumns, and then more.
func scanEntry(row Row, more ...any) (store.Entry, error) {
	ev := &event.Event{}
	e := store.Entry{Event: ev}
	var tookMS int64
	var status int
	dest := append([]any{
		UTC(&e.EventTime), UTC(&ev.Time), UTC(&e.RecordedAt), UTC(&ev.NotBefore),
		&e.State.Attempts, &e.State.Replays, &tookMS, &e.Bucket, &status, &ev.ID, &e.Ref, &ev.Bot, &e.EventType,
		&ev.Subject, &ev.OrderKey, &ev.VerifiedBy, &ev.TraceParent, &ev.RequestID, &ev.ContentType, &ev.Headers,
	}, more...)
	if err := row.Scan(dest...); err != nil {
		return e, err
	}
	e.Took = time.Duration(tookMS) * time.Millisecond
	e.State.Status, e.State.UpdatedAt = store.StatusOf(status), ev.Time
	if ev.Type = e.EventType; e.Ref != "" {
		ev.Type = event.ChangeType(e.State.Status)
	} else if e.State.Status == event.StatusScheduled {
		ev.ScheduledAt = e.RecordedAt // The log has no other time of that.
	}
	return e, nil
}

// ScanWithBody reads [LogColumns] and the body. Where that is null, Data is nil.
func ScanWithBody(row Row) (store.Entry, error) {
	var data []byte
	e, err := scanEntry(row, &data)
	e.Data = data
	return e, err
}

// ListColumns are what [ScanRecord] reads behind [LogColumns]: the status of the event e with all of
// s, the size of its body, and the body of the change that [LastFirst] has first.
const ListColumns = `s.status, s.attempts, s.replays, s.updated_at, length(e.data)`

// LastFirst is the order of changes, as d, of which the first decides on the status; see [store.Last].
var LastFirst = Codes(`(d.status = {delivered}) desc, d.replays desc, d.status desc, d.time desc, d.id desc`)

// ScanRecord reads a row of a list.
func ScanRecord(row Row) (*store.Record, error) {
	r := &store.Record{}
	var status int
	var last []byte
	e, err := scanEntry(row, &status, &r.AttemptCount, &r.Replays, UTC(&r.UpdatedAt), &r.Size, &last)
	if err != nil {
		return nil, err
	}
	r.Event, r.RecordedAt, r.Status = e.Event, e.RecordedAt, store.StatusOf(status)
	if last == nil {
		return r, nil
	}
	change, err := event.ParseChange(&event.Event{Data: last})
	r.Last = &change
	return r, err
}
