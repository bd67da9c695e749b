package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// NewEvent is an event of a user, with an id as the gateway makes it.
func NewEvent(t testing.TB, subject string, at time.Time) *event.Event {
	t.Helper()
	id, err := event.NewID(subject)
	require.NoError(t, err)
	return &event.Event{ID: id, Bot: "demo", Type: "command", Subject: subject, OrderKey: subject, Time: store.Micros(at), Data: []byte("{}")}
}

// NewChange is a change of the event by an attempt.
func NewChange(t testing.TB, about *event.Event, status event.Status, attempt int) *event.Event {
	t.Helper()
	e, err := event.NewChange(about, event.Change{Status: status, Attempt: attempt, At: about.Time.Add(time.Duration(attempt) * time.Second), DurationMS: 3})
	require.NoError(t, err)
	return e
}

// UserOf is a user of a bucket.
func UserOf(bucket int) string { return users()[bucket] }

var users = sync.OnceValue(func() (all [event.Buckets]string) {
	for n, missing := 0, event.Buckets; missing > 0; n++ {
		name := fmt.Sprint("user-", n)
		if bucket := event.BucketOf(name); all[bucket] == "" {
			all[bucket] = name
			missing--
		}
	}
	return all
})

// History is n random events and changes of some users and bots; some have the same time.
func History(t testing.TB, source *rand.Rand, n int, start time.Time) []*event.Event {
	t.Helper()
	var all, events []*event.Event
	for i := range n {
		if len(events) > 0 && source.IntN(2) == 0 {
			status := []event.Status{event.StatusFailed, event.StatusDead, event.StatusDelivered}[source.IntN(3)]
			all = append(all, NewChange(t, events[source.IntN(len(events))], status, 1+i))
			continue
		}
		subject := []string{"", fmt.Sprint("user-", source.IntN(20))}[min(source.IntN(10), 1)]
		e := NewEvent(t, subject, start.Add(time.Duration(source.IntN(n/2))*time.Second))
		e.Bot, e.Type = fmt.Sprint("bot-", source.IntN(3)), []string{"command", "github.push"}[source.IntN(2)]
		events, all = append(events, e), append(all, e)
	}
	return all
}
