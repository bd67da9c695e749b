package sqlite

import (
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

const (
	selectTime = `select event_time from event_status where event_id = $1 and bot is not null`
	selectRows = `select ` + sqlstore.LogColumns + `, e.data` + aboutEvent
)

// countQuery is [sqlstore.Base.CountQuery].
var countQuery = `select count(*) from (select 1 from event_status s indexed by event_status_open
where s.bot is not null and ` + undelivered + ` and s.status = $1 limit $2)`

// undelivered is a condition as the index has it.
var undelivered = sqlstore.Codes("s.status <> {delivered}")

// logQuery reads all of a user's entries for each page, as they are few.
func logQuery(q store.LogQuery) (string, []any) {
	f := &sqlstore.Filter{}
	f.And("(e.recorded_at, e.id) > (" + f.Arg(q.After.RecordedAt) + ", " + f.Arg(q.After.ID) + ")")
	index := "events_recorded"
	if q.Subject != "" {
		index = "events_subject"
		f.And("e.subject <> ''") // As the index has it.
	}
	f.Equal("e.subject", q.Subject)
	f.Equal("e.bot", q.Bot)
	f.Equal("e.type", q.Type)
	data := "iif(e.ref is null, null, e.data)"
	if q.Bodies {
		data = "e.data"
	}
	return `select ` + sqlstore.LogColumns + `, ` + data + ` from events e indexed by ` + index + f.Where() +
		` order by e.recorded_at, e.id limit ` + f.Arg(q.Size()), f.Args
}

// step is [sqlstore.Base.Step].
func step(length time.Duration) string {
	return fmt.Sprintf("minute - minute %% %d", length.Microseconds())
}
