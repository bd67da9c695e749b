package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
)

// eventPageView is one page of events.
type eventPageView struct {
	Events     []json.RawMessage `json:"events"`
	NextCursor string            `json:"next_cursor,omitempty"`
	// NewerCursor asks for the page before.
	NewerCursor string     `json:"newer_cursor,omitempty"`
	SearchedTo  *time.Time `json:"searched_to,omitempty"`
	// Incomplete is set when a shard did not answer. Clients do not learn the names of shards.
	Incomplete bool `json:"incomplete,omitempty"`
}

// eventList is a page that is asked for.
type eventList struct {
	store.Query
	// key is that of the list that it is a page of.
	key    string
	fields eventjson.Fields
	// before is set when the page before a position is wanted, so that the query has the other order.
	before bool
}

// listEvents answers GET /v1/events.
func (a *API) listEvents(w *response, r *http.Request, c caller) error {
	list, err := readList(r, c)
	if err != nil {
		return err
	}
	page, err := a.cfg.Reader.List(r.Context(), list.Query)
	if err != nil {
		return fmt.Errorf("listing events: %w", err)
	}
	view := list.view(page)
	for i, record := range page.Records {
		if view.Events[i], err = eventjson.Listed.Append(nil, record, list.fields); err != nil {
			return err
		}
	}
	if list.before {
		slices.Reverse(view.Events)
	}
	return w.sendKeptJSON(r, view)
}

// view has all of a page but its events.
func (l *eventList) view(page *store.Page) eventPageView {
	view := eventPageView{Events: make([]json.RawMessage, len(page.Records)), Incomplete: len(page.Missing) > 0}
	var first, last *store.Position // In the order of the query.
	if n := len(page.Records); n > 0 {
		first, last = new(page.Records[0].Position()), new(page.Records[n-1].Position())
	}
	next, newer := page.Next, first
	if l.before {
		next = first
		if newer = page.Next; newer == nil {
			newer = last
		}
		if newer == nil {
			newer = &l.After
		}
	} else if len(page.Records) < l.Limit {
		view.SearchedTo = searchedTo(next)
	}
	if next != nil {
		view.NextCursor = boundCursor(*next, l.key)
	}
	if newer != nil {
		view.NewerCursor = boundCursor(*newer, l.key)
	}
	return view
}

// readList reads which page is wanted.
func readList(r *http.Request, c caller) (*eventList, error) {
	l := &eventList{Query: store.Query{Limit: defaultLimit}}
	var order listOrder
	var cursor, newer string
	err := parameters{
		"bot": text(&l.Bot), "user": name(&l.Subject), "type": text(&l.Type), "verified_by": text(&l.VerifiedBy),
		"order_key": text(&l.OrderKey), "q": text(&l.Search), "text": searched(&l.Body),
		"status": someOf(&l.Statuses, event.Statuses()...), "from": timeOrAge(&l.From), "to": timeOrAge(&l.To),
		"order": oneOf(&order, newestFirst, oldestFirst), "fields": fields(&l.fields, eventjson.Listed),
		"limit": limit(&l.Limit, store.MaxLimit), "cursor": plain(&cursor), "newer": plain(&newer),
	}.read(r)
	if err != nil {
		return nil, err
	}
	if err := c.restrict(&l.Bot); err != nil {
		return nil, err
	}
	if !l.From.IsZero() && !l.To.IsZero() && !l.From.Before(l.To) {
		return nil, problem.Malformed.WithDetail("The time in the parameter from must be before that in the parameter to.")
	}
	l.Oldest = order == oldestFirst
	given := r.URL.Query()
	l.key = listKey(l.Query, given.Get("from"), given.Get("to"))
	return l, l.place(cursor, newer)
}

// The bounds of a text that is looked for in bodies, in bytes.
const minSearched, maxSearched = 3, 200

// searched reads what is looked for in bodies.
func searched(field *string) func(name, value string) error {
	return func(name, value string) error {
		if *field = value; !event.ValidText(value) || len(value) < minSearched || len(value) > maxSearched {
			return fmt.Errorf("%s must be text of %d to %d bytes", name, minSearched, maxSearched)
		}
		return nil
	}
}

// place sets where the page begins.
func (l *eventList) place(cursor, newer string) (err error) {
	switch {
	case cursor != "" && newer != "":
		return problem.Malformed.WithDetail("Give cursor or newer: a page is behind a place or before it.")
	case cursor != "":
		l.After, err = readBoundCursor("cursor", cursor, l.key)
	case newer != "":
		l.before, l.Oldest = true, !l.Oldest
		l.After, err = readBoundCursor("newer", newer, l.key)
	}
	return err
}

// listOrder is the order of a list.
type listOrder string

const (
	newestFirst listOrder = "newest"
	oldestFirst listOrder = "oldest"
)
