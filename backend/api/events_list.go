package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
)

// eventPageView is one page of events.
type eventPageView struct {
	Events     []json.RawMessage `json:"events"`
	NextCursor string            `json:"next_cursor,omitempty"`
	// Incomplete is set when a shard did not answer. Clients do not learn the names of shards.
	Incomplete bool `json:"incomplete,omitempty"`
}

// listEvents answers GET /v1/events.
func (a *API) listEvents(w *response, r *http.Request, c caller) error {
	var wanted eventjson.Fields
	q, key, err := readList(r, c, &wanted)
	if err != nil {
		return err
	}
	page, err := a.cfg.Reader.List(r.Context(), q)
	if err != nil {
		return fmt.Errorf("listing events: %w", err)
	}
	view := eventPageView{Events: make([]json.RawMessage, len(page.Records)), Incomplete: len(page.Missing) > 0}
	for i, record := range page.Records {
		if view.Events[i], err = eventjson.Listed.Append(nil, record, wanted); err != nil {
			return err
		}
	}
	if page.Next != nil {
		view.NextCursor = boundCursor(*page.Next, key)
	}
	return w.sendKeptJSON(r, view)
}

// readList reads which page is wanted, and the key of the list that it is a page of.
func readList(r *http.Request, c caller, wanted *eventjson.Fields) (q store.Query, key string, err error) {
	q.Limit = defaultLimit
	var order listOrder
	var cursor string
	err = parameters{
		"bot": text(&q.Bot), "user": name(&q.Subject), "type": text(&q.Type),
		"status": someOf(&q.Statuses, event.Statuses()...), "from": timeOrAge(&q.From), "to": timeOrAge(&q.To),
		"order": oneOf(&order, newestFirst, oldestFirst), "fields": fields(wanted, eventjson.Listed),
		"limit": limit(&q.Limit, store.MaxLimit), "cursor": plain(&cursor),
	}.read(r)
	if err != nil {
		return q, "", err
	}
	if err := c.restrict(&q.Bot); err != nil {
		return q, "", err
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return q, "", problem.Malformed.WithDetail("The time in the parameter from must be before that in the parameter to.")
	}
	q.Oldest = order == oldestFirst
	given := r.URL.Query()
	key = listKey(q, given.Get("from"), given.Get("to"))
	if cursor != "" {
		q.After, err = readBoundCursor(cursor, key)
	}
	return q, key, err
}

// listOrder is the order of a list.
type listOrder string

const (
	newestFirst listOrder = "newest"
	oldestFirst listOrder = "oldest"
)
