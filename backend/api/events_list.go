package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
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
	q := store.Query{Limit: defaultLimit}
	var wanted eventjson.Fields
	err := parameters{
		"bot": text(&q.Bot), "user": name(&q.Subject), "type": text(&q.Type),
		"status": oneOf(&q.Status, event.Statuses()...), "fields": fields(&wanted, eventjson.Listed),
		"limit": limit(&q.Limit, store.MaxLimit), "cursor": cursor(&q.After),
	}.read(r)
	if err != nil {
		return err
	}
	if err := c.restrict(&q.Bot); err != nil {
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
		view.NextCursor = page.Next.Cursor()
	}
	return w.sendKeptJSON(r, view)
}
