package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// logColumns are the columns of the log, as e, in the order in which scanEntry reads them;
// bodies are left out here.
const logColumns = `e.event_time, e.time, e.recorded_at, e.not_before, coalesce(e.attempt, 0), coalesce(e.replays, 0), coalesce(e.took_ms, 0),
	e.bucket, e.status, e.id, coalesce(e.ref, ''), e.bot, e.type, e.subject, e.order_key, e.verified_by, e.trace_parent, e.content_type`

// scanEntry reads logColumns, and then more.
func scanEntry(row pgx.CollectableRow, more ...any) (store.Entry, error) {
	ev := &event.Event{}
	e := store.Entry{Event: ev}
	var notBefore *time.Time
	var tookMS int64
	var status int
	dest := append([]any{
		&e.EventTime, &ev.Time, &e.RecordedAt, &notBefore, &e.State.Attempts, &e.State.Replays, &tookMS, &e.Bucket, &status,
		&ev.ID, &e.Ref, &ev.Bot, &e.EventType, &ev.Subject, &ev.OrderKey, &ev.VerifiedBy, &ev.TraceParent, &ev.ContentType,
	}, more...)
	if err := row.Scan(dest...); err != nil {
		return e, err
	}
	e.EventTime, ev.Time, e.RecordedAt = e.EventTime.UTC(), ev.Time.UTC(), e.RecordedAt.UTC()
	if notBefore != nil {
		ev.NotBefore = notBefore.UTC()
	}
	e.Took = time.Duration(tookMS) * time.Millisecond
	e.State.Status, e.State.UpdatedAt = store.StatusOf(status), ev.Time
	if ev.Type = e.EventType; e.Ref != "" {
		ev.Type = event.ChangeType(e.State.Status)
	}
	return e, nil
}

// scanWithBody reads logColumns and the body. Where that is null, Data is nil.
func scanWithBody(row pgx.CollectableRow) (store.Entry, error) {
	var data []byte
	e, err := scanEntry(row, &data)
	e.Data = data
	return e, err
}
