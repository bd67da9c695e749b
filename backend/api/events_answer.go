package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
)

// truncatedHeader says that an answer is not whole.
const truncatedHeader = "Botgate-Answer-Truncated"

var noAnswer = problem.New(http.StatusNotFound, "no-answer", "There is no answer of the bot to this event.")

// underWay is the document of an event that the bot did not take yet.
type underWay struct {
	ID     string       `json:"id"`
	Status event.Status `json:"status"`
}

// getAnswer answers GET /v1/events/{id}/answer with what the bot answered when it took the event, byte for byte.
func (a *API) getAnswer(w *response, r *http.Request, c caller) error {
	var wait time.Duration
	if err := (parameters{"wait": span(&wait, maxWait)}).read(r); err != nil {
		return err
	}
	record, err := a.eventWithin(r.Context(), w, idIn(r), c, wait)
	if err != nil {
		return err
	}
	switch {
	case !record.Status.Final():
		w.Header().Set("Retry-After", "1")
		return w.send(http.StatusAccepted, underWay{record.Event.ID, record.Status})
	case record.Status != event.StatusDelivered:
		return noAnswer.WithDetail("The bot did not take the event, which is %s.", record.Status)
	}
	answer := answerIn(record)
	if answer == nil {
		return noAnswer.WithDetail(`The bot answered without a body, or its answers are not kept: "keep_answers" in the bots file.`)
	}
	w.sendAnswer(r, answer)
	return nil
}

// eventWithin returns the event as it is, or as it is once it is final or the time is over.
func (a *API) eventWithin(ctx context.Context, w *response, id string, c caller, wait time.Duration) (*store.Record, error) {
	if wait > 0 {
		return a.awaitEvent(ctx, w, id, c, wait)
	}
	return a.readEvent(ctx, id, c)
}

// answerIn returns what the bot answered when it took the event for the last time; nil where that is not known.
func answerIn(record *store.Record) *event.Answer {
	var last *event.Answer
	for _, attempt := range record.Attempts {
		if attempt.Status == event.StatusDelivered {
			last = attempt.Answer
		}
	}
	return last
}

// sendAnswer sends a bot's own bytes. They are not ours, and must not act as a page of the API's address.
func (w *response) sendAnswer(r *http.Request, answer *event.Answer) {
	h := w.Header()
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Content-Disposition", "attachment")
	version := versionOf(append([]byte(answer.ContentType+"\n"+answer.ContentEncoding+"\n"), answer.Body...))
	if answer.ContentEncoding != "" {
		h.Set("Content-Encoding", answer.ContentEncoding)
	}
	if answer.Truncated {
		h.Set(truncatedHeader, "true")
	}
	w.sendKeptAs(r, version, cmp.Or(answer.ContentType, "application/octet-stream"), answer.Body)
}
