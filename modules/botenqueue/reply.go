package botenqueue

import (
	"net/http"
	"strconv"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/idempotency"
	"github.com/botgate/botgate/modules/internal/delivery"
)

// headerReplayed tells an API client that the answer is the one to an earlier request.
const headerReplayed = "Idempotency-Replayed"

// accepted is the answer to an event that the queue has: its id and its address. The id is
// a UUID, so there is nothing to quote.
func accepted(e *event.Event) idempotency.Answer {
	answer := idempotency.Answer{
		Status:   http.StatusAccepted,
		Location: "/v1/events/" + e.ID,
		Body:     []byte(`{"id":"` + e.ID + `","status":"` + string(event.StatusAccepted) + `"}`),
	}
	if e.IsScheduled() {
		answer.Body = []byte(`{"id":"` + e.ID + `","status":"` + string(event.StatusScheduled) +
			`","deliver_at":"` + e.Time.Format(time.RFC3339Nano) + `"}`)
	}
	return answer
}

// reply tells the sender that the event is accepted: in the platform's own words where
// it asks for them, else with 202 and the address of the event.
func reply(w http.ResponseWriter, r *http.Request, in intake, done outcome) {
	if d := delivery.Of(r); d != nil && d.Reply != nil {
		delivery.WriteReply(w, d.Reply)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	describeReply(w, in, done, done.answer.Body)
	w.WriteHeader(done.answer.Status)
	w.Write(done.answer.Body)
}

// describeReply says where the event is, and whether it was accepted before.
func describeReply(w http.ResponseWriter, in intake, done outcome, body []byte) {
	// With a length, bot_jwt need not watch the answer.
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Location", done.answer.Location)
	if done.repeat && in.sender == "" {
		w.Header().Set(headerReplayed, "true")
	}
}
