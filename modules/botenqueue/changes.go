package botenqueue

import (
	"context"
	"log/slog"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/idempotency"
)

// tellTimeout bounds the wait for the record of repeats, whose sender has to be answered anyway.
const tellTimeout = time.Second

// changes counts the repeats of events of a platform and makes what the log is told of them; of the
// first [event.MaxRepeats] of an event, so that a sender who goes on and on fills nothing.
func (h *Handler) changes(ctx context.Context, platform string, repeated []*event.Event) (changes []*event.Event) {
	for _, e := range repeated {
		repeatsTotal.WithLabelValues(platform).Inc()
		n := h.store.Count(ctx, h.terms, idempotency.KeyOf(e.ID))
		if n > event.MaxRepeats {
			continue
		}
		change, err := event.NewRepeat(e, n, h.now())
		if err != nil {
			h.logger.ErrorContext(ctx, "a repeat can't be recorded", slog.Any("error", err))
			continue
		}
		changes = append(changes, change)
	}
	return changes
}

// tell publishes changes, if the queue takes them: the event itself is safe.
func (h *Handler) tell(ctx context.Context, changes []*event.Event) {
	if len(changes) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	_ = h.publish(ctx, changes) // It is logged.
}
