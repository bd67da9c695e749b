package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/preference"
)

// Eraser removes a user's events from the store.
type Eraser interface {
	Erase(ctx context.Context, subject string, before time.Time, erased func(events int64) error) (events int64, err error)
}

// maxForgotten is how many events are dropped from a cache by their ids; of more, it drops everything.
const maxForgotten = 10_000

// erasedView says what the erasure of a user did.
type erasedView struct {
	User   string `json:"user"`
	Events int64  `json:"events"`
}

// eraseUser answers DELETE /v1/users/{user}/data. A token of one bot can't remove what other bots have of the user.
func (a *API) eraseUser(w *response, r *http.Request, c caller) error {
	if c.bot != "" {
		return otherBot
	}
	if err := (parameters{}).read(r); err != nil {
		return err
	}
	user, err := userIn(r)
	if err != nil {
		return err
	}
	if _, later := preference.Value(r.Header, "respond-async"); later && a.cfg.Jobs != nil {
		return a.eraseLater(w, r, c, user)
	}
	events, err := a.erase(r.Context(), user)
	if err != nil {
		return err
	}
	// Without the name: erased users must not be found in the log.
	a.cfg.Logger.InfoContext(r.Context(), "user erased", "events", events)
	return w.send(http.StatusOK, erasedView{User: user, Events: events})
}

// erase removes the user's events that were accepted until now, and their sessions. Events still in the queue are left
// out when they are recorded. It returns how many events were removed, and can be repeated after an error.
func (a *API) erase(ctx context.Context, user string) (events int64, err error) {
	now := time.Now()
	ids, err := a.eventsOf(ctx, user)
	if err != nil {
		return 0, err
	}
	// Last, since a request that read an event before it was erased may have cached it meanwhile.
	defer func() { a.cfg.Forget(context.WithoutCancel(ctx), user, ids) }()
	if err := a.eraseBeside(ctx, user); err != nil {
		return 0, err
	}
	erased, err := a.cfg.Eraser.Erase(ctx, user, now, nil)
	if err != nil {
		return erased, fmt.Errorf("erasing a user's events: %w", err)
	}
	return erased, nil
}

// eraseLater has a job remove the user's events. All else goes at once: it is little, and a process with the role jobs
// may not know where it is.
func (a *API) eraseLater(w *response, r *http.Request, c caller, user string) error {
	key, err := jobKey(r)
	if err != nil {
		return err
	}
	parameters, err := json.Marshal(map[string]string{"user": user})
	if err != nil {
		return fmt.Errorf("encoding the parameters of a job: %w", err)
	}
	if err := a.eraseBeside(r.Context(), user); err != nil {
		return err
	}
	w.Header().Set("Preference-Applied", "respond-async")
	return a.submit(w, r, c, job.Request{Kind: job.EraseKind, Parameters: parameters, Key: key})
}

// eraseBeside removes what is kept of a user and is no event.
func (a *API) eraseBeside(ctx context.Context, user string) error {
	if err := a.cfg.Sessions.DeleteUser(ctx, user); err != nil {
		return fmt.Errorf("removing a user's sessions: %w", err)
	}
	if a.cfg.Refusals == nil {
		return nil
	}
	return a.cfg.Refusals.Erase(ctx, user)
}

var errTooMany = errors.New("too many events")

// eventsOf returns the ids of a user's events; nil when they are too many.
func (a *API) eventsOf(ctx context.Context, user string) ([]string, error) {
	ids := []string{}
	err := a.eachEvent(ctx, store.Query{Subject: user, Limit: store.MaxLimit}, func(id string) error {
		if len(ids) == maxForgotten {
			return errTooMany
		}
		ids = append(ids, id)
		return nil
	})
	if errors.Is(err, errTooMany) {
		return nil, nil
	}
	return ids, err
}
