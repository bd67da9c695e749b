package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// world makes random events with their changes: of a few users at a few bots, on three
// days, deferred and not, some of them twice with different times.
type world struct {
	*rand.Rand
	t        *testing.T
	next     int
	subjects []string
}

// pinned is how many events there are in every world: of u1 and u2, on the last day.
const pinned = 2

func newWorld(t *testing.T) *world {
	return &world{Rand: Random(t), t: t, subjects: []string{"", "u1", "u1", "u2", "ü 3"}}
}

// events returns n events with all their changes, in any order, with repetitions.
func (w *world) events(n int) []*event.Event {
	w.t.Helper()
	var all []*event.Event
	for range n {
		all = append(all, w.way()...)
	}
	for range len(all) / 4 {
		all = append(all, pick(w.IntN, all))
	}
	w.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// way is an event and its changes. Its repeat, accepted at another time, may have other changes.
func (w *world) way() []*event.Event {
	e := w.event()
	copies := []*event.Event{e}
	if w.IntN(4) == 0 {
		repeat := *e
		shift := time.Duration(w.IntN(48)-24) * time.Hour
		if repeat.Time = e.Time.Add(shift); !e.NotBefore.IsZero() {
			repeat.NotBefore = e.NotBefore.Add(shift)
		}
		copies = append(copies, &repeat)
	}
	all := slices.Clone(copies)
	if w.next > pinned && w.IntN(8) == 0 {
		all = nil // Its changes may be all there is.
	}
	statuses := []event.Status{event.StatusFailed, event.StatusFailed, event.StatusDead, event.StatusExpired, event.StatusDelivered}
	replays := 0
	for i := range w.IntN(5) {
		about := pick(w.IntN, copies)
		if w.IntN(5) == 0 {
			replays++
			replay, err := event.NewReplay(about, replays, e.Time.Add(w.while()))
			require.NoError(w.t, err)
			again, err := event.NewReplay(about, replays, e.Time.Add(w.while()))
			require.NoError(w.t, err)
			all = append(all, replay, again)
			continue
		}
		if w.IntN(6) == 0 {
			all = append(all, repeat(w.t, about, 1+w.IntN(3), e.Time.Add(w.while())))
			continue
		}
		if w.IntN(8) == 0 {
			drop, err := event.NewChange(about, event.Change{Status: event.StatusDropped, Replays: replays, At: e.Time.Add(w.while())})
			require.NoError(w.t, err)
			all = append(all, drop)
			continue
		}
		c, err := event.NewChange(about, event.Change{
			Status: pick(w.IntN, statuses), Attempt: 1 + i, Replays: replays, At: e.Time.Add(w.while()), DurationMS: int64(w.IntN(2000)),
		})
		require.NoError(w.t, err)
		all = append(all, c)
	}
	return all
}

func (w *world) event() *event.Event {
	w.next++
	e := Event(w.next)
	e.Bot = pick(w.IntN, []string{"a", "b"})
	e.Type = pick(w.IntN, []string{"command", "github.push"})
	e.Subject = pick(w.IntN, w.subjects)
	e.Time = store.Micros(start.Add(time.Duration(w.IntN(3*24*60)) * time.Minute).Add(time.Duration(w.IntN(3)) * time.Microsecond))
	if w.next <= pinned {
		e.Subject, e.Time = fmt.Sprint("u", w.next), store.Micros(start.Add(60*time.Hour))
	}
	id, err := event.NewID(e.Subject)
	require.NoError(w.t, err)
	e.OrderKey = e.Subject
	if e.ID = id; w.IntN(3) == 0 {
		e.ID = event.Identity{Bot: e.Bot, Sender: "test", Key: fmt.Sprint(w.next)}.ID(e.Subject)
	}
	if w.IntN(4) == 0 {
		e.NotBefore = e.Time.Add(time.Minute)
	}
	return e
}

func (w *world) while() time.Duration {
	return time.Duration(w.IntN(30*60)) * time.Minute / 10
}

// record appends events in random batches, to the store and to the model.
func (w *world) record(s Store, m *model, events []*event.Event) {
	w.t.Helper()
	for batch := range slices.Chunk(events, 1+w.IntN(20)) {
		got, err := Record(w.t.Context(), s, batch)
		require.NoError(w.t, err)
		require.ElementsMatch(w.t, m.append(w.t, batch), unrecorded(got), "what was not recorded before")
	}
}
