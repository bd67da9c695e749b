package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/queue"
)

// Retrier is what the API asks of a queue for a bot that is back.
type Retrier interface {
	// RetryNow has what waits for its next attempt at a bot go now.
	RetryNow(ctx context.Context, bot string) error
}

// retryBot answers POST /v1/bots/{bot}/retry.
func (a *API) retryBot(w *response, r *http.Request, c caller) error {
	bot := r.PathValue("bot")
	if !event.ValidBot(bot) {
		return problem.UnknownBot
	}
	if !c.may(bot) {
		return otherBot
	}
	if err := (parameters{}).read(r); err != nil {
		return err
	}
	switch err := a.cfg.Retry.RetryNow(r.Context(), bot); {
	case errors.Is(err, queue.ErrUnknownBot):
		return problem.UnknownBot
	case err != nil:
		return fmt.Errorf("retrying what waits for a bot: %w", err)
	}
	a.cfg.Logger.Info("what waits for a bot is tried now", "bot", bot)
	w.begin(http.StatusNoContent, "", notKept)
	return nil
}
