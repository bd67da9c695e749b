package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/botgate/botgate/backend/dead"
	"github.com/botgate/botgate/internal/queue"
)

// deadPageView is one page of dead letters.
type deadPageView struct {
	Dead       []dead.View `json:"dead"`
	NextCursor string      `json:"next_cursor,omitempty"`
	// Truncated is set when there are dead letters that can't be reached.
	Truncated bool `json:"truncated,omitempty"`
}

// movedView says what a replay or drop did.
type movedView struct {
	Replayed *int `json:"replayed,omitempty"`
	Dropped  *int `json:"dropped,omitempty"`
	// Skipped counts what is no event, which can't be replayed.
	Skipped int `json:"skipped,omitempty"`
	// More is set when something that matches may be left: the same request goes on.
	More bool `json:"more"`
}

// listDead answers GET /v1/dead.
func (a *api) listDead(r *http.Request, c caller) (*reply, error) {
	q, _, err := parseDeadQuery(r.URL.RawQuery, defaultLimit)
	if err != nil {
		return nil, err
	}
	if err := c.restrict(&q.Bot); err != nil {
		return nil, err
	}
	page, err := a.cfg.Dead.ListDead(r.Context(), q)
	if err != nil {
		return nil, err
	}
	view := deadPageView{Dead: make([]dead.View, len(page.Letters)), NextCursor: page.Next, Truncated: page.Truncated}
	for i, l := range page.Letters {
		view.Dead[i] = dead.NewView(l)
	}
	return encode(view)
}

// getDead answers GET /v1/dead/{id}.
func (a *api) getDead(r *http.Request, c caller) (*reply, error) {
	id, err := deadID(r)
	if err != nil {
		return nil, err
	}
	l, err := a.cfg.Dead.GetDead(r.Context(), id)
	if err != nil {
		return nil, err
	}
	if !c.may(l.Event.Bot) {
		return nil, unknownDeadLetter
	}
	body, err := dead.Document(l)
	return &reply{body: body}, err
}

// replayDead answers POST /v1/dead/replay.
func (a *api) replayDead(r *http.Request, c caller) (*reply, error) {
	return a.moveMatching(r, c, "replay", a.cfg.Dead.Redrive)
}

// dropDead answers DELETE /v1/dead.
func (a *api) dropDead(r *http.Request, c caller) (*reply, error) {
	return a.moveMatching(r, c, "drop", a.cfg.Dead.DropDead)
}

// replayOneDead answers POST /v1/dead/{id}/replay.
func (a *api) replayOneDead(r *http.Request, c caller) (*reply, error) {
	return a.moveOne(r, c, "replay", a.cfg.Dead.Redrive)
}

// dropOneDead answers DELETE /v1/dead/{id}.
func (a *api) dropOneDead(r *http.Request, c caller) (*reply, error) {
	return a.moveOne(r, c, "drop", a.cfg.Dead.DropDead)
}

// moveMatching moves what a filter chooses. That it chooses everything has to be said.
func (a *api) moveMatching(r *http.Request, c caller, action string, move dead.Move) (*reply, error) {
	q, everything, err := parseDeadQuery(r.URL.RawQuery, queue.MaxDeadPage)
	switch {
	case err != nil:
		return nil, err
	case q.After != "":
		return nil, malformed.because("The parameter cursor is for lists only.")
	case dead.Everything(q.DeadFilter) != everything:
		return nil, malformed.because("Give filters, or all=true for every dead letter.")
	}
	if err := c.restrict(&q.Bot); err != nil {
		return nil, err
	}
	return a.move(r.Context(), action, q.DeadFilter, q.Limit, move)
}

// moveOne moves the dead letters of one event, of which there is usually one.
func (a *api) moveOne(r *http.Request, c caller, action string, move dead.Move) (*reply, error) {
	id, err := deadID(r)
	if err != nil {
		return nil, err
	}
	return a.move(r.Context(), action, queue.DeadFilter{ID: id, Bot: c.bot}, queue.MaxDeadPage, move)
}

func (a *api) move(ctx context.Context, action string, filter queue.DeadFilter, limit int, move dead.Move) (*reply, error) {
	result, err := dead.All(ctx, filter, limit, time.Now(), move)
	a.cfg.Logger.Info("dead letters were moved", "action", action, "count", result.Done)
	switch {
	case err != nil:
		return nil, err
	case filter.ID != "" && result.Done == 0 && result.Skipped > 0:
		return nil, notReplayable
	case filter.ID != "" && result.Done == 0:
		return nil, queue.ErrNotFound
	}
	view := movedView{Skipped: result.Skipped, More: result.Next != "" || result.Truncated}
	if action == "replay" {
		view.Replayed = &result.Done
	} else {
		view.Dropped = &result.Done
	}
	return encode(view)
}

func deadID(r *http.Request) (string, error) {
	id := r.PathValue("id")
	if !searchable(id, maxID) {
		return "", unknownDeadLetter
	}
	return id, nil
}

// parseDeadQuery reads the parameters of a query for dead letters, among them "all", which
// says that no filter is meant. As in lists of events, an unknown one is refused.
func parseDeadQuery(raw string, limit int) (q queue.DeadQuery, everything bool, err error) {
	q.Limit = limit
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, false, malformed.because("The query can't be read.")
	}
	for name, given := range values {
		if len(given) != 1 {
			return q, false, malformed.because("Each parameter may be given once.")
		}
		if name == "all" && (given[0] == "true" || given[0] == "false") {
			everything = given[0] == "true"
			continue
		}
		err := dead.Set(&q, name, given[0], time.Now())
		switch {
		case errors.Is(err, dead.ErrUnknownParameter):
			return q, false, malformed.because("The parameters are " + dead.Parameters + ", limit, cursor, and all, which is true or false.")
		case err != nil:
			return q, false, malformed.because("The parameter " + err.Error() + ".")
		}
	}
	return q, everything, nil
}
