package sqlstore

import (
	"strconv"
	"strings"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// Filter collects the conditions of a query, and their arguments as $1, $2 and so on.
type Filter struct {
	where []string
	// Args are the arguments so far.
	Args []any
}

// Arg adds an argument and returns its placeholder.
func (f *Filter) Arg(v any) string {
	f.Args = append(f.Args, v)
	return "$" + strconv.Itoa(len(f.Args))
}

// And adds a condition.
func (f *Filter) And(condition string) { f.where = append(f.where, condition) }

// Equal asks for a text in a column; the empty text does not filter.
func (f *Filter) Equal(column, value string) {
	if value != "" {
		f.And(column + " = " + f.Arg(value))
	}
}

// OneOf is the condition that a column has one of the statuses, of which there is one at least.
func (f *Filter) OneOf(column string, statuses []event.Status) string {
	codes := make([]string, len(statuses))
	for i, s := range statuses {
		codes[i] = f.Arg(store.Code(s))
	}
	return column + " in (" + strings.Join(codes, ", ") + ")"
}

// Until asks for what is within the window of a query, by the end that [store.Query.Start] does not have.
func (f *Filter) Until(column string, q store.Query) {
	switch {
	case q.Oldest && !q.To.IsZero():
		f.And(column + " < " + f.Arg(q.To))
	case !q.Oldest && !q.From.IsZero():
		f.And(column + " >= " + f.Arg(q.From))
	}
}

// HasAttributes reports whether a query asks for attributes that no index has.
func HasAttributes(q store.Query) bool {
	return q.VerifiedBy != "" || q.OrderKey != "" || q.Search != "" || q.Body != ""
}

// Attributes asks for them in the log, as e. Contains is the condition that e.data has the bytes of an argument in it.
func (f *Filter) Attributes(q store.Query, contains string) {
	f.Equal("e.verified_by", q.VerifiedBy)
	f.Equal("e.order_key", q.OrderKey)
	if q.Search != "" {
		text := "cast(" + f.Arg(q.Search) + " as text)"
		begins := func(column string) string { return "substr(" + column + ", 1, length(" + text + ")) = " + text }
		f.And("(" + begins("e.id") + " or " + begins("e.subject") + " or e.order_key = " + text + ")")
	}
	if q.Body != "" {
		f.And(strings.Replace(contains, "?", f.Arg([]byte(q.Body)), 1))
	}
}

// Edge ends a query for the time of the n-th row from the start of a list on.
func (f *Filter) Edge(column string, q store.Query, n int) string {
	compare, order := Behind(q)
	if start := q.Start(); start != (store.Position{}) {
		if q.Oldest || start.ID != "" {
			compare += "="
		}
		f.And(column + " " + compare + " " + f.Arg(start.Time))
	}
	f.Until(column, q)
	return f.Where() + " order by " + column + " " + order + " limit 1 offset " + f.Arg(n-1)
}

// Where is the clause with all conditions; empty without any.
func (f *Filter) Where() string {
	if len(f.where) == 0 {
		return ""
	}
	return " where " + strings.Join(f.where, " and ")
}

// Behind is the comparison with a position that a list continues behind, and the order by which it
// is sorted.
func Behind(q store.Query) (compare, order string) {
	if q.Oldest {
		return ">", "asc"
	}
	return "<", "desc"
}

// Paginate makes a page of the rows that the query of List gave: one more than the page has
// when another page follows.
func Paginate(q store.Query, rows []*store.Record) *store.Page {
	size := q.Size()
	if len(rows) <= size {
		return &store.Page{Records: rows}
	}
	next := rows[size-1].Position()
	return &store.Page{Records: rows[:size], Next: &next}
}
