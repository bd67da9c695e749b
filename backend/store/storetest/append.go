package storetest

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

var appendCases = map[string]func(*testing.T, Store){
	"nothing": func(t *testing.T, s Store) {
		add(t, s)
		require.Empty(t, list(t, s, store.Query{Limit: 10}).Records)
	},

	"all attributes come back": func(t *testing.T, s Store) {
		e := Event(1)
		before := store.Micros(time.Now())
		add(t, s, e)
		r := get(t, s, e.ID)
		require.Equal(t, e, r.Event)
		require.Equal(t, event.StatusAccepted, r.Status)
		require.Equal(t, e.Time, r.UpdatedAt)
		require.False(t, r.RecordedAt.Before(before), "recorded at %s, before %s", r.RecordedAt, before)
		require.Zero(t, r.AttemptCount)
		require.Empty(t, r.Attempts)
	},

	"empty attributes stay empty": func(t *testing.T, s Store) {
		e := &event.Event{ID: "x", Bot: "b", Type: "t", Time: start, Data: []byte("x")}
		add(t, s, e)
		require.Equal(t, e, get(t, s, "x").Event)
		require.Equal(t, []string{"x"}, ids(list(t, s, store.Query{Limit: 1})))
	},

	"the first version of an id stays": func(t *testing.T, s Store) {
		first := Event(1)
		add(t, s, first)
		add(t, s, change(t, first, event.StatusFailed, 1))
		before := get(t, s, first.ID)

		other := Event(2)
		other.ID, other.Bot, other.Subject, other.Type = first.ID, "other", "someone", "github.issues"
		add(t, s, other, Event(3))
		require.Equal(t, before, get(t, s, first.ID))
		require.Equal(t, [][]string{{Event(3).ID, first.ID}}, pages(t, s, store.Query{Limit: 10}))
	},

	"an accepted event repeated later is not changed": func(t *testing.T, s Store) {
		first, repeat := Event(1), Event(1)
		repeat.Time = first.Time.Add(time.Hour)
		add(t, s, first)
		before := get(t, s, first.ID)
		add(t, s, repeat)
		require.Equal(t, before, get(t, s, first.ID))
	},

	"the first of equal ids in a batch counts": func(t *testing.T, s Store) {
		first, second := Event(1), Event(1)
		second.Data = []byte("second")
		failed := change(t, first, event.StatusFailed, 1)
		add(t, s, first, failed, second, failed, first)
		r := get(t, s, first.ID)
		require.Equal(t, first, r.Event)
		require.Len(t, r.Attempts, 1)
	},

	"the events are left alone": func(t *testing.T, s Store) {
		batch := []*event.Event{Event(2), Event(1)}
		add(t, s, batch...)
		require.Equal(t, []*event.Event{Event(2), Event(1)}, batch)
	},

	"not found": func(t *testing.T, s Store) {
		e := Event(1)
		c := change(t, e, event.StatusDelivered, 1)
		add(t, s, c)
		for _, id := range []string{"", "nothing", "\x00", "\xff", e.ID, c.ID} {
			_, err := s.Get(t.Context(), id)
			require.ErrorIs(t, err, store.ErrNotFound, "%q", id)
		}
	},
}

var dataCases = map[string]func(*testing.T, Store){
	"byte for byte": func(t *testing.T, s Store) {
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		for i, data := range [][]byte{
			{},
			{0},
			every, []byte("\xff\xfe not UTF-8 \xc3("), []byte(`{"b" : 1.0, "a":1e2}` + "\n"),
			[]byte(`\x00 'quoted' "twice" {1,2} null`), bytes.Repeat([]byte{0, 1}, 70_000),
		} {
			e := Event(i)
			e.Data = data
			add(t, s, e)
			require.True(t, bytes.Equal(data, get(t, s, e.ID).Event.Data), "%q", data)
		}
	},

	"nil is empty": func(t *testing.T, s Store) {
		e := Event(1)
		e.Data = nil
		add(t, s, e)
		require.Empty(t, get(t, s, e.ID).Event.Data)
	},

	"large": func(t *testing.T, s Store) {
		large := make([]byte, 5<<20)
		_, _ = rand.NewChaCha8([32]byte{}).Read(large) // It does not fail.
		batch := Events(5)
		for i, e := range batch {
			e.Data = large[i:]
		}
		add(t, s, batch...)
		for _, e := range batch {
			require.True(t, bytes.Equal(e.Data, get(t, s, e.ID).Event.Data), e.ID)
		}
	},

	"lists have none": func(t *testing.T, s Store) {
		e := Event(1)
		add(t, s, e, change(t, e, event.StatusDelivered, 1))
		listed := list(t, s, store.Query{Limit: 1}).Records[0]
		full := get(t, s, e.ID)
		full.Event.Data, full.Attempts = nil, nil
		require.Equal(t, full, listed)
	},
}

// refuseCases are events that no engine can record; the good ones of their batch are not recorded
// either, so that the caller can split it.
var refuseCases = map[string]func(*testing.T, Store){
	"no id":               refuses(func(e *event.Event) { e.ID = "" }),
	"long id":             refuses(func(e *event.Event) { e.ID = string(bytes.Repeat([]byte("x"), 65)) }),
	"no type":             refuses(func(e *event.Event) { e.Type = "" }),
	"NUL in an attribute": refuses(func(e *event.Event) { e.Subject = "a\x00b" }),
	"not UTF-8":           refuses(func(e *event.Event) { e.ContentType = "\xff" }),
	"change without body": refuses(func(e *event.Event) { e.VerifiedBy, e.Type, e.Data = "botgate", "botgate.event.failed", nil }),
	"change of nothing": refuses(func(e *event.Event) {
		e.VerifiedBy, e.Type, e.Data = "botgate", "botgate.event.failed", []byte(`{"status":"failed","attempt":1}`)
	}),
	"change with a negative attempt": refuses(func(e *event.Event) {
		e.VerifiedBy, e.Type, e.Data = "botgate", "botgate.event.failed", []byte(`{"event_id":"x","status":"failed","attempt":-1}`)
	}),
}

func refuses(spoil func(*event.Event)) func(*testing.T, Store) {
	return func(t *testing.T, s Store) {
		bad := Event(2)
		spoil(bad)
		err := Append(t.Context(), s, []*event.Event{Event(1), bad, Event(3)})
		require.Error(t, err)
		require.NotErrorIs(t, err, store.ErrUnavailable)
		require.Empty(t, list(t, s, store.Query{Limit: 10}).Records)
	}
}
