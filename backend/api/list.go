package api

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// defaultLimit is the page size when the request names none.
const defaultLimit = 50

// listQuery says which events are wanted, and what of them.
type listQuery struct {
	store.Query
	fields fields
}

// list answers GET /v1/events.
func (a *api) list(r *http.Request, c caller) (*reply, error) {
	q, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if err := c.restrict(&q.Bot); err != nil {
		return nil, err
	}
	page, err := a.cfg.Reader.List(r.Context(), q.Query)
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", err)
	}
	return showPage(page, q.fields)
}

// showPage is the document of a page: {"events":[…],"next_cursor":"…","incomplete":true}. What
// the shards are called is nobody's business.
func showPage(page *store.Page, wanted fields) (_ *reply, err error) {
	body := []byte(`{"events":[`)
	for i, record := range page.Records {
		if i > 0 {
			body = append(body, ',')
		}
		if body, err = appendEvent(body, record, listed, wanted); err != nil {
			return nil, err
		}
	}
	body = append(body, ']')
	if page.Next != nil {
		// A cursor needs no escaping.
		body = append(append(append(body, `,"next_cursor":"`...), page.Next.Cursor()...), '"')
	}
	if len(page.Missing) > 0 {
		body = append(body, `,"incomplete":true`...)
	}
	return (&reply{body: append(body, '}')}).kept(), nil
}

// parseQuery reads the parameters of a list.
func parseQuery(raw string) (listQuery, error) {
	q := listQuery{Query: store.Query{Limit: defaultLimit}}
	err := parameters(raw, q.set)
	return q, err
}

func (q *listQuery) set(name, value string) error {
	switch name {
	case "bot":
		return setFilter(&q.Bot, value)
	case "user":
		return setFilter(&q.Subject, value)
	case "type":
		return setFilter(&q.Type, value)
	case "status":
		return setStatus(&q.Query, value)
	case "limit":
		return setLimit(&q.Query, value)
	case "cursor":
		return setCursor(&q.Query, value)
	case "fields":
		return setFields(&q.fields, value, names(listed))
	}
	return unknownParameter("bot, user, status, type, limit, cursor and fields")
}

func setStatus(q *store.Query, value string) error {
	if q.Status = event.Status(value); value == "" || slices.Contains(event.Statuses(), q.Status) {
		return nil
	}
	return malformed.because(fmt.Sprintf("The parameter status must be one of %s.", event.Statuses()))
}

func setLimit(q *store.Query, value string) error {
	if value == "" {
		return nil
	}
	limit, err := strconv.Atoi(value)
	if err != nil || limit < 1 || limit > store.MaxLimit {
		return malformed.because(fmt.Sprintf("The parameter limit must be a number from 1 to %d.", store.MaxLimit))
	}
	q.Limit = limit
	return nil
}

func setCursor(q *store.Query, value string) error {
	if value == "" {
		return nil
	}
	position, ok := store.ParseCursor(value)
	if !ok {
		return malformed.because("The parameter cursor must be the next_cursor of an earlier answer.")
	}
	q.After = position
	return nil
}
