package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/duration"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/queue"
)

// deadPageView is one page of dead letters.
type deadPageView struct {
	Dead       []eventjson.DeadLetter `json:"dead"`
	NextCursor string                 `json:"next_cursor,omitempty"`
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
	view := deadPageView{Dead: []eventjson.DeadLetter{}, NextCursor: page.Next, Truncated: page.Truncated}
	for _, l := range page.Letters {
		view.Dead = append(view.Dead, eventjson.NewDeadLetter(l))
	}
	return w.send(http.StatusOK, view)
}

// getDead answers GET /v1/dead/{id}.
func (a *API) getDead(w *response, r *http.Request, c caller) error {
	id := idIn(r)
	if !store.ValidID(id) {
		return unknownDeadLetter
	}
	l, err := a.cfg.Dead.GetDead(r.Context(), id)
	if err != nil {
		return err
	}
	if !c.may(l.Event.Bot) {
		return unknownDeadLetter
	}
	body, err := eventjson.DeadLetterWithBody(l)
	if err != nil {
		return err
	}
	w.sendBytes(http.StatusOK, notKept, body)
	return nil
}

// action is what can be done with dead letters.
type action string

const (
	replayDead action = "replay"
	dropDead   action = "drop"
)

// moveDead answers POST /v1/dead/replay and DELETE /v1/dead, which move what a filter matches. All dead letters have to
// be asked for explicitly.
func (a *API) moveDead(do action) endpoint {
	return func(w *response, r *http.Request, c caller) error {
		q, all, err := readDeadQuery(r, queue.MaxDeadPage)
		switch {
		case err != nil:
			return err
		case q.After != "":
			return problem.Malformed.WithDetail("The parameter cursor is for lists only.")
		case all != (q.DeadFilter == queue.DeadFilter{}):
			return problem.Malformed.WithDetail("Give filters, or all=true for every dead letter.")
		}
		if err := c.restrict(&q.Bot); err != nil {
			return err
		}
		return a.move(r.Context(), w, do, q.DeadFilter, q.Limit)
	}
}

// moveOneDead answers POST /v1/dead/{id}/replay and DELETE /v1/dead/{id}, which move the dead letters of one event, of
// which there is usually one.
func (a *API) moveOneDead(do action) endpoint {
	return func(w *response, r *http.Request, c caller) error {
		id := idIn(r)
		if !store.ValidID(id) {
			return unknownDeadLetter
		}
		return a.move(r.Context(), w, do, queue.DeadFilter{ID: id, Bot: c.bot}, queue.MaxDeadPage)
	}
}

func (a *API) move(ctx context.Context, w *response, do action, filter queue.DeadFilter, limit int) error {
	move := a.cfg.Dead.Redrive
	if do == dropDead {
		move = a.cfg.Dead.DropDead
	}
	result, err := queue.DeadMove(move).All(ctx, filter, limit)
	a.cfg.Logger.Info("dead letters moved", "action", do, "count", result.Done)
	switch {
	case err != nil:
		return err
	case filter.ID != "" && result.Done == 0 && result.Skipped > 0:
		return notReplayable
	case filter.ID != "" && result.Done == 0:
		return unknownDeadLetter
	}
	view := movedView{Skipped: result.Skipped, More: result.Next != "" || result.Truncated}
	if do == dropDead {
		view.Dropped = &result.Done
	} else {
		view.Replayed = &result.Done
	}
	return w.send(http.StatusOK, view)
}

// readDeadQuery reads the filters for dead letters, and the parameter "all", which asks for no filter explicitly.
func readDeadQuery(r *http.Request, size int) (q queue.DeadQuery, all bool, err error) {
	q.Limit = size
	everything := ""
	err = parameters{
		"bot": text(&q.Bot), "type": text(&q.Type), "user": name(&q.Subject), "reason": text(&q.Reason),
		"since": timeOrAge(&q.Since), "until": timeOrAge(&q.Until), "all": oneOf(&everything, "true", "false"),
		"limit": limit(&q.Limit, queue.MaxDeadPage), "cursor": text(&q.After),
	}.read(r)
	return q, everything == "true", err
}

// timeOrAge reads a time, or a duration before now.
func timeOrAge(field *time.Time) func(name, value string) error {
	return func(name, value string) (err error) {
		if *field, err = duration.ParseTime(value, time.Now()); err != nil {
			return fmt.Errorf("%s must be a time like 2026-03-01T12:00:00Z, or a duration like 24h before now", name)
		}
		return nil
	}
}
