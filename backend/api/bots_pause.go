package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/pause"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/requestid"
)

// typeTest is the type of events that somebody has sent to a bot to try it.
const typeTest = "botgate.test"

// Pauses is what the API asks of the pauses of bots.
type Pauses interface {
	// All are the states of those that were ever paused.
	All() map[string]pause.State
	// Set pauses or resumes a bot, and returns how it is then.
	Set(ctx context.Context, bot string, paused bool, by string) (pause.State, error)
}

// noPauses answers where those who deliver would not hear of a pause.
var noPauses = problem.New(http.StatusConflict, "no-pauses", "Bots can't be paused here.").
	WithDetail("Another process delivers, which hears of pauses through Redis, and there is none: set BOTGATE_REDIS_URL.")

// pauseView says whether a bot is paused.
type pauseView struct {
	Bot string `json:"bot"`
	pause.State
}

// setPaused answers POST /v1/bots/{bot}/pause and /resume.
func (a *API) setPaused(paused bool) endpoint {
	return func(w *response, r *http.Request, c caller) error {
		bot, err := a.knownBot(r, c)
		switch {
		case err != nil:
			return err
		case a.cfg.Pauses == nil:
			return noPauses
		}
		s, err := a.cfg.Pauses.Set(r.Context(), bot, paused, c.user)
		if err != nil {
			return err
		}
		return w.send(http.StatusOK, pauseView{bot, s})
	}
}

// pauseOf is the pause of a bot; nil for none that is known.
func (a *API) pauseOf(bot string) *pause.State {
	if a.cfg.Pauses == nil {
		return nil
	}
	if s := a.cfg.Pauses.All()[bot]; s.Paused {
		return &s
	}
	return nil
}

// testView is an event that was sent to try a bot.
type testView struct {
	ID  string `json:"id"`
	Bot string `json:"bot"`
}

// testBot answers POST /v1/bots/{bot}/test: an event that waits for no other, and that no other waits for.
func (a *API) testBot(w *response, r *http.Request, c caller) error {
	bot, err := a.knownBot(r, c)
	if err != nil {
		return err
	}
	id, err := event.NewID("")
	if err != nil {
		return err
	}
	e := &event.Event{
		ID: id, Bot: bot, Type: typeTest, Time: time.Now(), VerifiedBy: "botgate", RequestID: w.Header().Get(requestid.Header),
		ContentType: jsonType, Data: []byte(`{"test":true}`),
	}
	e.Normalize()
	if err := a.cfg.Retry.Publish(r.Context(), e); err != nil {
		return fmt.Errorf("sending a test event: %w", err)
	}
	w.Header().Set("Location", "/v1/events/"+id)
	return w.send(http.StatusAccepted, testView{id, bot})
}

// knownBot is the bot of the path, without parameters, if the caller may have it and there is one: in the bots file, in
// the queue or in the log.
func (a *API) knownBot(r *http.Request, c caller) (string, error) {
	bot, err := botIn(r, c)
	if err == nil {
		err = (parameters{}).read(r)
	}
	if err != nil {
		return "", err
	}
	if slices.Contains(a.knownBots(r.Context()).names(), bot) {
		return bot, nil
	}
	if a.cfg.Bots != nil {
		return "", problem.UnknownBot
	}
	page, err := a.cfg.Reader.List(r.Context(), store.Query{Bot: bot, Limit: 1})
	if err == nil && len(page.Records) == 0 {
		err = problem.UnknownBot
	}
	return bot, err
}
