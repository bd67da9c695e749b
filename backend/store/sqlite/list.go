package sqlite

import (
	"math"
	"strconv"
	"strings"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
	"github.com/botgate/botgate/internal/event"
)

// filter collects the conditions of a query and their arguments.
type filter struct {
	where []string
	args  []any
}

// arg returns the placeholder of an argument.
func (f *filter) arg(v any) string {
	f.args = append(f.args, v)
	return "$" + strconv.Itoa(len(f.args))
}

// equal does not filter by the empty string.
func (f *filter) equal(column, value string) {
	if value != "" {
		f.where = append(f.where, column+" = "+f.arg(value))
	}
}

func (f *filter) and(condition string) { f.where = append(f.where, condition) }

func (f *filter) String() string { return strings.Join(f.where, " and ") }

// listQuery returns the query for a page, with one row more than the page has, which tells
// whether another page follows. SQLite has no statistics, so the tables are named in the
// order, and with the index, in which little is read.
func listQuery(q store.Query) (string, []any) {
	if q.Status != "" && q.Status != event.StatusDelivered && q.Subject == "" {
		return listOpen(q)
	}
	f := &filter{where: []string{"e.ref is null"}}
	f.equal("e.subject", q.Subject)
	f.equal("e.type", q.Type)
	f.equal("e.bot", q.Bot)
	if q.Status != "" {
		f.and("s.status = " + f.arg(store.Code(q.Status)))
	}
	index := "events_key"
	switch {
	case q.Subject != "":
		index = "events_subject"
		f.and("e.subject <> ''") // As the index has it.
	case q.Type != "":
		index = "events_type"
	case q.Bot != "":
		index = "events_bot"
	}
	from := `events e indexed by ` + index + ` cross join event_status s on s.event_id = e.id`
	return f.page(q, from, "e.event_time", "e.id")
}

// listOpen is for events with a status that few have.
func listOpen(q store.Query) (string, []any) {
	f := &filter{where: []string{"s.bot is not null", "s.status <> 40"}}
	f.and("s.status = " + f.arg(store.Code(q.Status)))
	f.equal("s.bot", q.Bot)
	f.equal("e.type", q.Type)
	from := `event_status s indexed by event_status_open cross join events e on e.event_time = s.event_time and e.id = s.event_id`
	return f.page(q, from, "s.event_time", "s.event_id")
}

func (f *filter) page(q store.Query, from, at, id string) (string, []any) {
	before := int64(math.MaxInt64)
	if q.After != (store.Position{}) {
		before = micros(q.After.Time)
	}
	f.and("(" + at + ", " + id + ") < (" + f.arg(before) + ", " + f.arg(q.After.ID) + ")")
	return `select ` + logColumns + `, ` + statusColumns + ` from ` + from + ` where ` + f.String() +
		` order by ` + at + ` desc, ` + id + ` desc limit ` + f.arg(statement.PageSize(q)+1), f.args
}
