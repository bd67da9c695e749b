package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// defaultLimit is the page size when the request names none.
const defaultLimit = 50

type pageView struct {
	Events     []eventView `json:"events"`
	NextCursor string      `json:"next_cursor,omitempty"`
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
	page, err := a.cfg.Reader.List(r.Context(), q)
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", err)
	}
	view := pageView{Events: make([]eventView, len(page.Records))}
	for i, record := range page.Records {
		view.Events[i] = viewOf(record)
	}
	if page.Next != nil {
		view.NextCursor = encodeCursor(*page.Next)
	}
	return encode(view)
}

// parseQuery reads the parameters of a list. An unknown one is refused: a filter that
// is misspelt and ignored would show more than was asked for.
func parseQuery(raw string) (store.Query, error) {
	q := store.Query{Limit: defaultLimit}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, malformed.because("The query can't be read.")
	}
	for name, given := range values {
		if len(given) != 1 {
			return q, malformed.because("Each parameter may be given once.")
		}
		if err := setParameter(&q, name, given[0]); err != nil {
			return q, err
		}
	}
	return q, nil
}

func setParameter(q *store.Query, name, value string) error {
	switch name {
	case "bot":
		return setFilter(&q.Bot, value)
	case "user":
		return setFilter(&q.Subject, value)
	case "type":
		return setFilter(&q.Type, value)
	case "status":
		return setStatus(q, value)
	case "limit":
		return setLimit(q, value)
	case "cursor":
		return setCursor(q, value)
	}
	return malformed.because("The parameters are bot, user, status, type, limit and cursor.")
}

func setFilter(field *string, value string) error {
	if !searchable(value, event.MaxAttribute) {
		return malformed.because("The parameters bot, user and type must be text as events have it.")
	}
	*field = value
	return nil
}

// searchable reports whether a value can occur in the store: databases answer what
// can't be text with an error of their own.
func searchable(value string, limit int) bool {
	return len(value) <= limit && utf8.ValidString(value) && !strings.ContainsRune(value, 0)
}

func setStatus(q *store.Query, value string) error {
	switch q.Status = event.Status(value); q.Status {
	case "", event.StatusAccepted, event.StatusDelivered, event.StatusFailed, event.StatusDead, event.StatusReplayed:
		return nil
	}
	return malformed.because("The parameter status must be accepted, delivered, failed, dead or replayed.")
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
	position, ok := decodeCursor(value)
	if !ok {
		return malformed.because("The parameter cursor must be the next_cursor of an earlier answer.")
	}
	q.After = position
	return nil
}
