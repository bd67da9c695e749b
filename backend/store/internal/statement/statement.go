// Package statement holds what the queries of PostgreSQL and SQLite have in common.
package statement

import "github.com/botgate/botgate/backend/store"

// PageSize is the limit of a query, brought into its range.
func PageSize(q store.Query) int { return min(max(q.Limit, 1), store.MaxLimit) }

// Paginate makes a page of the rows that the query of List gave.
func Paginate(q store.Query, rows []*store.Record) *store.Page {
	size := PageSize(q)
	if len(rows) <= size {
		return &store.Page{Records: rows}
	}
	last := rows[size-1].Event
	return &store.Page{Records: rows[:size], Next: &store.Position{Time: last.Time, ID: last.ID}}
}
