package api

import (
	"fmt"
	"net/http"

	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// listEvents answers GET /v1/events.
func (a *API) listEvents(w *response, r *http.Request, c caller) error {
	q := store.Query{Limit: defaultLimit}
	var wanted eventjson.Fields
	err := parameters{
		"bot": text(&q.Bot), "user": text(&q.Subject), "type": text(&q.Type),
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
	body, err := appendPage(nil, page, wanted)
	if err != nil {
		return err
	}
	w.sendKept(r, versionOf(body), body)
	return nil
}

// appendPage appends {"events":[…],"next_cursor":"…","incomplete":true}. Clients do not learn the names of shards.
func appendPage(body []byte, page *store.Page, wanted eventjson.Fields) (_ []byte, err error) {
	body = append(body, `{"events":[`...)
	for i, record := range page.Records {
		if i > 0 {
			body = append(body, ',')
		}
		if body, err = eventjson.Listed.Append(body, record, wanted); err != nil {
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
	return append(body, '}'), nil
}
