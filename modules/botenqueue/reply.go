package botenqueue

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/modules/internal/delivery"
)

// reply tells the sender that the event is accepted: in the platform's own words where
// it asks for them, else with 202 and the address of the event.
func reply(w http.ResponseWriter, r *http.Request, e *event.Event) error {
	if d := delivery.Of(r); d != nil && d.Reply != nil {
		delivery.WriteReply(w, d.Reply)
		return nil
	}
	body, err := json.Marshal(struct {
		ID     string       `json:"id"`
		Status event.Status `json:"status"`
	}{e.ID, event.StatusAccepted})
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", "/v1/events/"+e.ID)
	w.WriteHeader(http.StatusAccepted)
	w.Write(body)
	return nil
}
