package api

import (
	"context"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/dead"
	"github.com/botgate/botgate/internal/problem"
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
	// Skipped counts dead letters that are no events and can't be replayed.
	Skipped int `json:"skipped,omitempty"`
	// More is set when there may be more matches: the same request continues.
	More bool `json:"more"`
}

// listDead answers GET /v1/dead.
func (a *API) listDead(w *response, r *http.Request, c caller) error {
	q, _, err := readDeadQuery(r, defaultLimit)
	if err == nil {
		err = c.restrict(&q.Bot)
	}
	if err != nil {
		return err
	}
	page, err := a.cfg.Dead.ListDead(r.Context(), q)
	if err != nil {
		return err
	}
	view := deadPageView{Dead: make([]dead.View, len(page.Letters)), NextCursor: page.Next, Truncated: page.Truncated}
	for i, l := range page.Letters {
		view.Dead[i] = dead.NewView(l)
	}
	return w.send(http.StatusOK, view)
}

// getDead answers GET /v1/dead/{id}.
func (a *API) getDead(w *response, r *http.Request, c caller) error {
	id := r.PathValue("id")
	if !searchable(id, maxID) {
		return unknownDeadLetter
	}
	l, err := a.cfg.Dead.GetDead(r.Context(), id)
	if err != nil {
		return err
	}
	if !c.may(l.Event.Bot) {
		return unknownDeadLetter
	}
	body, err := dead.Document(l)
	if err != nil {
		return err
	}
	w.sendBytes(http.StatusOK, notKept, body)
	return nil
}

// replayDead answers POST /v1/dead/replay.
func (a *API) replayDead(w *response, r *http.Request, c caller) error {
	return a.moveMatching(w, r, c, "replay", a.cfg.Dead.Redrive)
}

// dropDead answers DELETE /v1/dead.
func (a *API) dropDead(w *response, r *http.Request, c caller) error {
	return a.moveMatching(w, r, c, "drop", a.cfg.Dead.DropDead)
}

// replayOneDead answers POST /v1/dead/{id}/replay.
func (a *API) replayOneDead(w *response, r *http.Request, c caller) error {
	return a.moveOne(w, r, c, "replay", a.cfg.Dead.Redrive)
}

// dropOneDead answers DELETE /v1/dead/{id}.
func (a *API) dropOneDead(w *response, r *http.Request, c caller) error {
	return a.moveOne(w, r, c, "drop", a.cfg.Dead.DropDead)
}

// moveMatching moves what a filter matches. All dead letters have to be asked for explicitly.
func (a *API) moveMatching(w *response, r *http.Request, c caller, action string, move dead.Move) error {
	q, all, err := readDeadQuery(r, queue.MaxDeadPage)
	switch {
	case err != nil:
		return err
	case q.After != "":
		return problem.Malformed.WithDetail("The parameter cursor is for lists only.")
	case dead.Everything(q.DeadFilter) != all:
		return problem.Malformed.WithDetail("Give filters, or all=true for every dead letter.")
	}
	if err := c.restrict(&q.Bot); err != nil {
		return err
	}
	return a.move(r.Context(), w, action, q.DeadFilter, q.Limit, move)
}

// moveOne moves the dead letters of one event, of which there is usually one.
func (a *API) moveOne(w *response, r *http.Request, c caller, action string, move dead.Move) error {
	id := r.PathValue("id")
	if !searchable(id, maxID) {
		return unknownDeadLetter
	}
	return a.move(r.Context(), w, action, queue.DeadFilter{ID: id, Bot: c.bot}, queue.MaxDeadPage, move)
}

func (a *API) move(ctx context.Context, w *response, action string, filter queue.DeadFilter, limit int, move dead.Move) error {
	result, err := dead.All(ctx, filter, limit, time.Now(), move)
	a.cfg.Logger.Info("dead letters moved", "action", action, "count", result.Done)
	switch {
	case err != nil:
		return err
	case filter.ID != "" && result.Done == 0 && result.Skipped > 0:
		return notReplayable
	case filter.ID != "" && result.Done == 0:
		return unknownDeadLetter
	}
	view := movedView{Skipped: result.Skipped, More: result.Next != "" || result.Truncated}
	if action == "replay" {
		view.Replayed = &result.Done
	} else {
		view.Dropped = &result.Done
	}
	return w.send(http.StatusOK, view)
}

// readDeadQuery reads the filters for dead letters, and the parameter "all", which asks for no filter explicitly.
func readDeadQuery(r *http.Request, limit int) (q queue.DeadQuery, all bool, err error) {
	q.Limit = limit
	everything := ""
	p := parameters{"all": oneOf(&everything, "true", "false")}
	for _, name := range dead.Parameters() {
		p[name] = func(name, value string) error { return dead.Set(&q, name, value, time.Now()) }
	}
	err = p.read(r)
	return q, everything == "true", err
}
