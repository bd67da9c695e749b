package kind_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/jobtest"
	"github.com/botgate/botgate/backend/job/kind"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// deadStore has n dead letters of two bots in turn, of which the first was replayed before.
func deadStore(t *testing.T, n int) (s *storetest.Fake, ids []string) {
	t.Helper()
	s = storetest.NewFake()
	var all []*event.Event
	for i := range n {
		e := storetest.Event(i)
		e.Bot, e.Time = fmt.Sprint("bot-", i%2), time.Now().Add(time.Duration(i-n)*time.Second)
		change := event.Change{Status: event.StatusDead, Attempt: 1, At: time.Now().Add(-time.Second), Error: "refused for good"}
		if i == 0 {
			change.Replays = 3
		}
		died, err := event.NewChange(e, change)
		require.NoError(t, err)
		all, ids = append(all, e, died), append(ids, e.ID)
	}
	entries, err := storetest.Entries(all)
	require.NoError(t, err)
	_, err = s.Append(t.Context(), entries)
	require.NoError(t, err)
	return s, ids
}

// deadQueue keeps what it is given, and fails when told to.
type deadQueue struct {
	again   []queue.Redelivery
	changes []event.Change
	refuse  func(e *event.Event) error
}

func (q *deadQueue) Publish(_ context.Context, events ...*event.Event) error {
	for _, e := range events {
		c, err := event.ParseChange(e)
		if err != nil {
			return err
		}
		q.changes = append(q.changes, c)
	}
	return nil
}

func (q *deadQueue) Redeliver(_ context.Context, events ...queue.Redelivery) error {
	for _, e := range events {
		if q.refuse != nil {
			if err := q.refuse(e.Event); err != nil {
				return err
			}
		}
	}
	q.again = append(q.again, events...)
	return nil
}

func (q *deadQueue) ids() (ids []string) {
	for _, r := range q.again {
		ids = append(ids, r.Event.ID)
	}
	return ids
}

func TestDeadReplay(t *testing.T) {
	t.Parallel()
	s, ids := deadStore(t, 250)
	q := &deadQueue{}
	done := jobtest.Do(t, kind.Dead{Store: s, Queue: q}, `{"all":true,"rate":0}`)
	require.Equal(t, job.StatusDone, done.Status, done.Error)
	require.JSONEq(t, `{"replayed":250}`, string(done.Result))
	require.Equal(t, ids, q.ids(), "what was accepted first goes first")
	require.Equal(t, 4, q.again[0].Replays)
	require.Equal(t, 1, q.again[1].Replays)
	require.NotEmpty(t, q.again[1].Event.Data)
	require.Equal(t, int64(250), done.Done)
	require.Equal(t, int64(250), done.Total)
}

func TestDeadReplayChooses(t *testing.T) {
	t.Parallel()
	s, ids := deadStore(t, 6)
	for parameters, want := range map[string][]string{
		`{"filter":{"bot":"bot-1"}}`:                              {ids[1], ids[3], ids[5]},
		`{"filter":{"reason":"REFUSED","bot":"bot-0"},"rate":50}`: {ids[0], ids[2], ids[4]},
		`{"filter":{"until":"2020-01-01T00:00:00Z"}}`:             nil,
		fmt.Sprintf(`{"ids":[%q,"none",%q]}`, ids[4], ids[1]):     {ids[4], ids[1]},
	} {
		q := &deadQueue{}
		done := jobtest.Do(t, kind.Dead{Store: s, Queue: q}, parameters)
		require.Equal(t, job.StatusDone, done.Status, done.Error)
		require.Equal(t, want, q.ids(), parameters)
	}
	failed := jobtest.Do(t, kind.Dead{Store: s, Queue: &deadQueue{}}, `{"ids":["gone"]}`)
	require.Equal(t, job.StatusFailed, failed.Status)
	require.Contains(t, failed.Error, "None of the ids")
}

// TestDeadReplayResumes has the queue be unavailable in the middle, and refuse one event for good.
func TestDeadReplayResumes(t *testing.T) {
	t.Parallel()
	s, ids := deadStore(t, 250)
	down := true
	q := &deadQueue{refuse: func(e *event.Event) error {
		switch {
		case e.ID == ids[17]:
			return fmt.Errorf("%w: 30 MB", queue.ErrTooLarge)
		case e.ID == ids[150] && down:
			down = false
			return queue.ErrUnavailable
		}
		return nil
	}}
	done := jobtest.Do(t, kind.Dead{Store: s, Queue: q}, `{"all":true,"rate":0}`)
	require.Equal(t, job.StatusDone, done.Status, done.Error)
	require.JSONEq(t, `{"replayed":249,"refused":1}`, string(done.Result))
	require.Len(t, q.again, 249)
}

func TestDeadDrop(t *testing.T) {
	t.Parallel()
	s, ids := deadStore(t, 3)
	q := &deadQueue{}
	done := jobtest.Do(t, kind.Dead{Store: s, Queue: q, Drop: true}, `{"filter":{"bot":"bot-0"}}`)
	require.Equal(t, job.StatusDone, done.Status, done.Error)
	require.JSONEq(t, `{"dropped":2}`, string(done.Result))
	require.Len(t, q.changes, 2)
	for i, want := range []struct {
		id      string
		replays int
	}{{ids[0], 3}, {ids[2], 0}} {
		require.Equal(t, want.id, q.changes[i].EventID)
		require.Equal(t, want.replays, q.changes[i].Replays)
		require.Equal(t, event.StatusDropped, q.changes[i].Status)
	}
}

// TestDeadMissing does not leave out what a shard has that does not answer.
func TestDeadMissing(t *testing.T) {
	t.Parallel()
	s, _ := deadStore(t, 3)
	asked := 0
	s.SetFail(func(_ context.Context, call string) error {
		if call == "List" {
			if asked++; asked < 3 {
				return fmt.Errorf("%w: it is restarted", store.ErrUnavailable)
			}
		}
		return nil
	})
	done := jobtest.Do(t, kind.Dead{Store: s, Queue: &deadQueue{}}, `{"all":true}`)
	require.Equal(t, job.StatusDone, done.Status, done.Error)
	require.JSONEq(t, `{"replayed":3}`, string(done.Result))
}

func TestDeadPrepare(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`{"all":true}`:                     `{"all":true,"rate":100}`,
		`{"ids":["a"],"rate":7}`:           `{"ids":["a"],"rate":7}`,
		`{"filter":{"user":"u"},"rate":0}`: `{"filter":{"user":"u"},"rate":0}`,
		`{"filter":{"bot":"b"}} | b`:       `{"filter":{"bot":"b"},"rate":100}`,
		`{"all":true} | b`:                 `{"all":true,"filter":{"bot":"b"},"rate":100}`,
		`{"filter":{"bot":"b"}} | c`:       "forbidden",
		``:                                 "bad",
		`{}`:                               "bad",
		`{"all":false}`:                    "bad",
		`{"all":true,"ids":["a"]}`:         "bad",
		`{"filter":{"bots":"b"}}`:          "bad",
		`{"ids":[""]}`:                     "bad",
		`{"all":true,"rate":-1}`:           "bad",
		`{"filter":{"bot":"\u0000"}}`:      "bad",
		`{"filter":{"since":"yesterday"}}`: "bad",
	} {
		parameters, bot := given, ""
		if i := len(given) - 4; i > 0 && given[i:i+3] == " | " {
			parameters, bot = given[:i], given[i+3:]
		}
		got, err := kind.Dead{}.Prepare([]byte(parameters), bot)
		var bad *job.ParameterError
		switch want {
		case "bad":
			require.ErrorAs(t, err, &bad, given)
		case "forbidden":
			require.ErrorIs(t, err, job.ErrForbidden)
		default:
			require.NoError(t, err, given)
			require.JSONEq(t, want, string(got))
		}
	}
	many, err := json.Marshal(map[string]any{"ids": make([]string, kind.MaxDeadIDs+1)})
	require.NoError(t, err)
	_, err = kind.Dead{}.Prepare(many, "")
	var bad *job.ParameterError
	require.ErrorAs(t, err, &bad)
	got, err := kind.Dead{Drop: true}.Prepare([]byte(`{"all":true}`), "")
	require.NoError(t, err)
	require.JSONEq(t, `{"all":true,"rate":0}`, string(got))
}
