package botenqueue

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/modules/internal/payload"
)

// reply tells the sender that the event is accepted: in the platform's own words where
// it asks for them, else with 202 and the address of the event.
func (h *Handler) reply(w http.ResponseWriter, r *http.Request, e *event.Event) error {
	if own := h.platformReply(r); own != nil {
		if own.ContentType != "" {
			w.Header().Set("Content-Type", own.ContentType)
		}
		w.WriteHeader(own.Status)
		w.Write(own.Body)
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

// platformReply returns the answer that the verified platform asks for, if any.
func (h *Handler) platformReply(r *http.Request) *platform.Reply {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	name, _ := repl.GetString(placeholderPlatform)
	sender, ok := platform.Get(name)
	if !ok {
		return nil
	}
	body, err := payload.Of(r, h.MaxSize)
	if err != nil {
		return nil
	}
	// A body that is not JSON has no document; platforms that need it say so in Facts.
	document, _ := body.Document()
	return sender.Reply(document)
}
