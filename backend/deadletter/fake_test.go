package deadletter_test

import (
	"context"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// endless has more dead letters than anybody looks at.
type endless struct{}

func (endless) Get(context.Context, string) (*store.Record, error) { return nil, store.ErrNotFound }

func (endless) List(_ context.Context, q store.Query) (*store.Page, error) {
	page := &store.Page{}
	at := q.After.Time
	for range q.Size() {
		at = at.Add(-time.Second)
		page.Records = append(page.Records, &store.Record{
			Event: &event.Event{ID: "id", Bot: "demo", Time: at}, Status: event.StatusDead, Last: &event.Change{At: at, Error: "refused"},
		})
	}
	page.Next = &store.Position{Time: at, ID: "id"}
	return page, nil
}
