package kind_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/jobtest"
	"github.com/botgate/botgate/backend/job/kind"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	queuefile "github.com/botgate/botgate/internal/queue/sqlite"
)

// fill publishes n events of two bots in turn, and has Dispatch be done with them.
func fill(t *testing.T, q *queuefile.Queue, n int) (ids []string) {
	t.Helper()
	c, err := q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{})
	require.NoError(t, err)
	for i := range n {
		id, err := event.NewID("")
		require.NoError(t, err)
		e := &event.Event{ID: id, Bot: fmt.Sprint("bot-", i%2), Type: "command", Time: time.Now()}
		e.Normalize()
		require.NoError(t, q.Publish(t.Context(), e))
		ds, err := c.Receive(t.Context(), 1)
		require.NoError(t, err)
		require.NoError(t, c.Ack(t.Context(), ds...))
		ids = append(ids, id)
	}
	require.NoError(t, c.Close())
	return ids
}

func depth(t *testing.T, q queue.Queue) int64 {
	t.Helper()
	depths, err := q.Depths(t.Context())
	require.NoError(t, err)
	return depths[queue.Dispatch]
}

func TestReplay(t *testing.T) {
	t.Parallel()
	q := jobtest.Queue(t)
	ids := fill(t, q, 10)
	require.Zero(t, depth(t, q))
	done := jobtest.Do(t, kind.Replay{Queue: q}, `{"group":"dispatch","filter":{"bot":"bot-1"}}`)
	require.Equal(t, job.StatusDone, done.Status, done.Error)
	require.JSONEq(t, `{"read":10,"events":5}`, string(done.Result))
	require.Equal(t, int64(5), depth(t, q))
	c, err := q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{})
	require.NoError(t, err)
	ds, err := c.Receive(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, ids[1], ds[0].Event.ID)
	require.Equal(t, queue.NewReplayID(done.CreatedAt), ds[0].Replays)
	require.NoError(t, c.Close())
}

// TestReplayTimes has nothing be in the range.
func TestReplayTimes(t *testing.T) {
	t.Parallel()
	q := jobtest.Queue(t)
	fill(t, q, 3)
	for _, filter := range []string{`{"to":"2020-01-01T00:00:00Z"}`, `{"from":"2199-01-01T00:00:00Z"}`, `{"user":"nobody"}`} {
		done := jobtest.Do(t, kind.Replay{Queue: q}, `{"group":"dispatch","filter":`+filter+`,"rate":100}`)
		require.Equal(t, job.StatusDone, done.Status)
		require.Zero(t, depth(t, q), filter)
	}
}

func TestReplayNoHistory(t *testing.T) {
	t.Parallel()
	q, err := queuefile.Open(t.Context(), queuefile.Config{Path: t.TempDir() + "/queue.db"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	failed := jobtest.Do(t, kind.Replay{Queue: q}, `{"group":"record"}`)
	require.Equal(t, job.StatusFailed, failed.Status)
	require.Equal(t, "The queue keeps no history.", failed.Error)
}

func TestReplayPrepare(t *testing.T) {
	t.Parallel()
	k := kind.Replay{}
	_, err := k.Prepare([]byte(`{"group":"record"}`), "demo")
	require.ErrorIs(t, err, job.ErrForbidden)
	for _, given := range []string{``, `{}`, `{"group":"dead"}`, `{"group":"record","rate":-1}`, `{"group":"record","x":1}`, `{"group":"record","filter":{"from":"2999-01-01T00:00:00Z"}}`, `{"group":"record","filter":{"bot":"a b"}}`} {
		_, err := k.Prepare([]byte(given), "")
		var bad *job.ParameterError
		require.ErrorAs(t, err, &bad, given)
	}
}
