package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/queue"
)

// Retrier is what the API asks of a queue for a bot that is back, won't take an event, or is to be tried.
type Retrier interface {
	// RetryNow has what waits for its next attempt at a bot go now.
	RetryNow(ctx context.Context, bot string) error
	// GiveUp has an event of a bot given up that waits for its next attempt.
	GiveUp(ctx context.Context, bot, id string) error
	// Publish returns once the events are durable.
	Publish(ctx context.Context, events ...*event.Event) error
}

// retryBot answers POST /v1/bots/{bot}/retry.
func (a *API) retryBot(w *response, r *http.Request, c caller) error {
	bot, err := botIn(r, c)
	if err == nil {
		err = (parameters{}).read(r)
	}
	if err != nil {
		return err
	}
	if err := a.cfg.Retry.RetryNow(r.Context(), bot); err != nil {
		return unknownOr("retrying what waits for a bot", err)
	}
	a.cfg.Logger.InfoContext(r.Context(), "what waits for a bot is tried now", "bot", bot)
	w.begin(http.StatusNoContent, "", notKept)
	return nil
}

// giveUp answers POST /v1/bots/{bot}/give-up.
func (a *API) giveUp(w *response, r *http.Request, c caller) error {
	var id string
	bot, err := botIn(r, c)
	if err == nil {
		err = parameters{"event": text(&id)}.read(r)
	}
	switch {
	case err != nil:
		return err
	case !store.ValidID(id):
		return problem.Malformed.WithDetail("The parameter event must be the id of an event.")
	}
	if err := a.cfg.Retry.GiveUp(r.Context(), bot, id); err != nil {
		return unknownOr("giving up an event", err)
	}
	a.cfg.Logger.InfoContext(r.Context(), "event is given up on request", "bot", bot, "event_id", id)
	w.begin(http.StatusNoContent, "", notKept)
	return nil
}

// botIn is the bot of the path, if the caller may have it.
func botIn(r *http.Request, c caller) (string, error) {
	bot := r.PathValue("bot")
	switch {
	case !event.ValidBot(bot):
		return "", problem.UnknownBot
	case !c.may(bot):
		return "", otherBot
	}
	return bot, nil
}

// unknownOr is a problem where the queue has no such bot.
func unknownOr(doing string, err error) error {
	if errors.Is(err, queue.ErrUnknownBot) {
		return problem.UnknownBot
	}
	return fmt.Errorf("%s: %w", doing, err)
}
