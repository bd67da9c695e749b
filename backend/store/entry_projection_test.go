package store_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func state(status event.Status, attempts, seconds int) store.State {
	return store.State{Status: status, Attempts: attempts, UpdatedAt: noon.Add(time.Duration(seconds) * time.Second)}
}

func replayed(status event.Status, attempts, replays, seconds int) store.State {
	s := state(status, attempts, seconds)
	s.Replays = replays
	return s
}

func TestMerge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ a, b, want store.State }{
		"failed after accepted":     {state("accepted", 0, 0), state("failed", 1, 1), state("failed", 1, 1)},
		"delivered after failed":    {state("failed", 1, 1), state("delivered", 2, 2), state("delivered", 2, 2)},
		"late failure":              {state("delivered", 1, 2), state("failed", 2, 3), state("delivered", 2, 2)},
		"dead is final":             {state("dead", 5, 9), state("failed", 4, 10), state("dead", 5, 9)},
		"delivered beats dead":      {state("dead", 5, 9), state("delivered", 4, 8), state("delivered", 5, 8)},
		"the later of two failures": {state("failed", 2, 7), state("failed", 1, 3), state("failed", 2, 7)},
		"an attempt counted twice":  {state("failed", 1, 3), state("failed", 1, 4), state("failed", 1, 4)},
		"itself":                    {state("dead", 3, 3), state("dead", 3, 3), state("dead", 3, 3)},
		"accepted comes last":       {state("failed", 1, 1), state("accepted", 0, 0), state("failed", 1, 1)},
		"replayed after dead":       {state("dead", 5, 9), replayed("replayed", 0, 1, 10), replayed("replayed", 5, 1, 10)},
		"failed after a replay":     {replayed("replayed", 5, 1, 10), replayed("failed", 1, 1, 11), replayed("failed", 5, 1, 11)},
		"a late death":              {state("dead", 5, 12), replayed("failed", 1, 1, 11), replayed("failed", 5, 1, 11)},
		"dropped":                   {state("dead", 5, 9), state("dropped", 0, 10), state("dropped", 5, 10)},
		"a late drop":               {replayed("replayed", 5, 1, 10), state("dropped", 0, 11), replayed("replayed", 5, 1, 10)},
		"dead again":                {replayed("dead", 2, 1, 12), replayed("replayed", 0, 2, 13), replayed("replayed", 2, 2, 13)},
		"delivered, then replayed":  {state("delivered", 2, 3), replayed("dead", 5, 1, 12), state("delivered", 5, 3)},
		"anything beats nothing":    {store.State{}, state("accepted", 0, 0), state("accepted", 0, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, c.a.Merge(c.b))
			require.Equal(t, c.want, c.b.Merge(c.a), "the order does not matter")
		})
	}
}

func TestMergeInAnyOrder(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	source := rand.New(rand.NewPCG(seed, 0))
	statuses := []event.Status{"accepted", "deferred", "failed", "expired", "delivered", "dead", "replayed", "dropped"}
	for range 2000 {
		states := make([]store.State, 1+source.IntN(6))
		for i := range states {
			states[i] = replayed(statuses[source.IntN(5)], source.IntN(3), source.IntN(3), source.IntN(3))
		}
		want := mergeAll(states)
		source.Shuffle(len(states), func(i, j int) { states[i], states[j] = states[j], states[i] })
		require.Equal(t, want, mergeAll(append(states, states[0])), "%v", states)
	}
}

func mergeAll(states []store.State) store.State {
	var merged store.State
	for _, s := range states {
		merged = merged.Merge(s)
	}
	return merged
}

func TestCodes(t *testing.T) {
	t.Parallel()
	for _, s := range event.Statuses() {
		require.NotZero(t, store.Code(s))
		require.Equal(t, s, store.StatusOf(store.Code(s)))
	}
	require.Zero(t, store.Code("unheard-of"))
	require.Empty(t, store.StatusOf(0))
}

func TestProject(t *testing.T) {
	t.Parallel()
	one := &event.Event{ID: "1", Bot: "b", Type: "t", Time: noon}
	two := &event.Event{ID: "2", Bot: "b", Type: "t", Time: noon}
	failed, err := event.NewChange(one, event.Change{Status: event.StatusFailed, Attempt: 1, At: noon.Add(time.Second)})
	require.NoError(t, err)
	dead, err := event.NewChange(one, event.Change{Status: event.StatusDead, Attempt: 2, At: noon.Add(2 * time.Second)})
	require.NoError(t, err)
	early, err := event.NewChange(&event.Event{ID: "3", Time: noon}, event.Change{Status: event.StatusDelivered, Attempt: 1, At: noon})
	require.NoError(t, err)
	early.Bot = "b"

	entries, err := storetest.Entries([]*event.Event{dead, two, failed, early, one, two, dead})
	require.NoError(t, err)
	require.Len(t, entries, 5)
	require.Equal(t, []store.Projection{
		{EventID: "1", EventTime: noon, Bot: "b", EventType: "t", Event: one, State: state("dead", 2, 2)},
		{EventID: "2", EventTime: noon, Bot: "b", EventType: "t", Event: two, State: state("accepted", 0, 0)},
		{EventID: "3", EventTime: noon, Bot: "b", Event: nil, State: state("delivered", 1, 0)},
	}, store.Project(entries))
	require.Empty(t, store.Project(nil))
}
