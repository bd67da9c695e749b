package pull

import (
	"encoding/json"
	"time"

	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/internal/queue"
)

// item is an event in the hands of a poller, but for the event.
type item struct {
	Receipt    string    `json:"receipt"`
	Attempt    int       `json:"attempt"`
	Replay     int       `json:"replay,omitempty"`
	LeaseUntil time.Time `json:"lease_until"`
	// ReplyBy is until when a platform's request waits for the answer; nil where none does.
	ReplyBy *time.Time `json:"reply_by,omitempty"`
}

// view is the item in the form of the API. The event is put in by hand, for its body has to stay as it is.
func view(receipt string, d *queue.Delivery, until time.Time) (json.RawMessage, error) {
	i := item{Receipt: receipt, Attempt: d.Attempt, Replay: d.Replays, LeaseUntil: until.UTC().Truncate(time.Millisecond)}
	if by := d.Event.ReplyBy; !by.IsZero() && d.Replays == 0 {
		i.ReplyBy = new(by.UTC().Truncate(time.Millisecond))
	}
	out, err := json.Marshal(i)
	if err != nil {
		return nil, err
	}
	out = append(out[:len(out)-1], `,"event":`...)
	if out, err = eventjson.AppendCloudEvent(out, d.Event); err != nil {
		return nil, err
	}
	return append(out, '}'), nil
}

// List is items as a JSON array. encoding/json would rewrite the bodies in them.
func List(items []json.RawMessage) []byte {
	out := []byte{'['}
	for n, item := range items {
		if n > 0 {
			out = append(out, ',')
		}
		out = append(out, item...)
	}
	return append(out, ']')
}
