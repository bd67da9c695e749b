package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/deadletter"
	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/duration"
)

// deadPageView is one page of dead letters.
type deadPageView struct {
	Dead       []eventjson.DeadLetter `json:"dead"`
	NextCursor string                 `json:"next_cursor,omitempty"`
	// SearchedTo is how far the page looked where others may follow: at what was accepted then or later.
	SearchedTo *time.Time `json:"searched_to,omitempty"`
	// Incomplete is set when a shard did not answer.
	Incomplete bool `json:"incomplete,omitempty"`
}

// deadSummaryView counts dead letters.
type deadSummaryView struct {
	Count   int             `json:"count"`
	Bots    []deadGroupView `json:"bots"`
	Reasons []deadGroupView `json:"reasons"`
	Oldest  *time.Time      `json:"oldest,omitempty"`
	Newest  *time.Time      `json:"newest,omitempty"`
	// Sample are a few of them.
	Sample []eventjson.DeadLetter `json:"sample"`
	// Until is a bound that leaves out what dies from now on, to replay or drop what was counted.
	Until      time.Time  `json:"until"`
	SearchedTo *time.Time `json:"searched_to,omitempty"`
	Incomplete bool       `json:"incomplete,omitempty"`
}

type deadGroupView struct {
	Name   string    `json:"name"`
	Count  int       `json:"count"`
	Oldest time.Time `json:"oldest"`
	Newest time.Time `json:"newest"`
}

// listDead answers GET /v1/dead, newest events first.
func (a *API) listDead(w *response, r *http.Request, c caller) error {
	q := deadletter.Query{Limit: defaultLimit}
	p := deadFilter(&q.Filter)
	p["limit"], p["cursor"] = limit(&q.Limit, deadletter.MaxLimit), cursor(&q.After)
	if err := p.read(r); err != nil {
		return err
	}
	if err := c.restrict(&q.Bot); err != nil {
		return err
	}
	page, err := deadletter.List(r.Context(), a.cfg.Reader, q)
	if err != nil {
		return err
	}
	view := deadPageView{
		Dead: viewDead(page.Records), SearchedTo: searchedTo(page.Next), Incomplete: len(page.Missing) > 0,
	}
	if page.Next != nil {
		view.NextCursor = page.Next.Cursor()
	}
	return w.send(http.StatusOK, view)
}

func viewDead(records []*store.Record) []eventjson.DeadLetter {
	views := make([]eventjson.DeadLetter, len(records))
	for i, r := range records {
		views[i] = eventjson.NewDeadLetter(r)
	}
	return views
}

func searchedTo(next *store.Position) *time.Time {
	if next == nil {
		return nil
	}
	return new(store.Micros(next.Time))
}

// sumDead answers GET /v1/dead/summary.
func (a *API) sumDead(w *response, r *http.Request, c caller) error {
	var f deadletter.Filter
	if err := deadFilter(&f).read(r); err != nil {
		return err
	}
	if err := c.restrict(&f.Bot); err != nil {
		return err
	}
	if now := store.Micros(time.Now()); f.Until.IsZero() || f.Until.After(now) {
		f.Until.Time = now
	}
	s, err := deadletter.Summarize(r.Context(), a.cfg.Reader, f)
	if err != nil {
		return err
	}
	view := deadSummaryView{
		Sample: viewDead(s.Sample),
		Count:  s.Count, Bots: viewGroups(s.Bots), Reasons: viewGroups(s.Reasons), Until: f.Until.Time,
		SearchedTo: searchedTo(s.Next), Incomplete: len(s.Missing) > 0,
	}
	if s.Count > 0 {
		view.Oldest, view.Newest = &s.Oldest, &s.Newest
	}
	return w.send(http.StatusOK, view)
}

func viewGroups(groups []deadletter.Group) []deadGroupView {
	views := make([]deadGroupView, len(groups))
	for i, g := range groups {
		views[i] = deadGroupView(g)
	}
	return views
}

// getDead answers GET /v1/dead/{id}.
func (a *API) getDead(w *response, r *http.Request, c caller) error {
	if err := (parameters{}).read(r); err != nil {
		return err
	}
	record, err := a.readDead(r, c)
	if err != nil {
		return err
	}
	body, err := eventjson.DeadLetterWithBody(record)
	if err != nil {
		return err
	}
	w.sendBytes(http.StatusOK, notKept, body)
	return nil
}

// readDead reads the dead letter of the path, which the caller must be allowed to see.
func (a *API) readDead(r *http.Request, c caller) (*store.Record, error) {
	id := idIn(r)
	if !store.ValidID(id) {
		return nil, unknownDeadLetter
	}
	record, err := deadletter.Get(store.Fresh(r.Context()), a.cfg.Reader, id)
	switch {
	case isAny(err, store.ErrNotFound), err == nil && !c.may(record.Event.Bot):
		return nil, unknownDeadLetter
	case err != nil:
		return nil, err
	}
	return record, nil
}

// deadFilter reads a filter.
func deadFilter(f *deadletter.Filter) parameters {
	return parameters{
		"bot": text(&f.Bot), "type": text(&f.Type), "user": name(&f.User), "reason": text(&f.Reason),
		"since": timeOrAge(&f.Since.Time), "until": timeOrAge(&f.Until.Time),
	}
}

// timeOrAge reads a time, or a duration before now.
func timeOrAge(field *time.Time) func(name, value string) error {
	return func(name, value string) error {
		at, err := duration.ParseTime(value, time.Now())
		if err != nil || !store.ValidTime(at) {
			return fmt.Errorf("%s must be a time like 2026-03-01T12:00:00Z, or a duration like 24h before now", name)
		}
		*field = store.Micros(at)
		return nil
	}
}
