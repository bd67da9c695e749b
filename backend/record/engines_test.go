package record

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/blob/file"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/claimcheck"
	"github.com/botgate/botgate/internal/queue/open/opentest"
)

const patience = time.Minute

// TestShardDownWithRealQueues has a shard down while its process is replaced, on each engine
// and with bodies that are kept elsewhere.
func TestShardDownWithRealQueues(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		open   func(*testing.T) queue.Queue
		events int
	}{
		"sqlite":   {opentest.File, 900},
		"rabbitmq": {openBroker, 900},
		"claimed":  {openClaimed, 90},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := c.open(t)
			t.Cleanup(func() { require.NoError(t, q.Close()) })
			shardDown(t, q, c.events)
		})
	}
}

func shardDown(t *testing.T, q queue.Queue, n int) {
	require.Eventually(t, func() bool { return q.Ready(t.Context()) == nil }, patience, 10*time.Millisecond)
	sent := mixed(n)
	for _, e := range sent {
		e.Normalize()
	}
	publish := func(events []*event.Event) { require.NoError(t, q.Publish(t.Context(), events...)) }
	depth := func(group queue.Group, want int64) {
		t.Helper()
		require.Eventually(t, func() bool {
			depths, err := q.Depths(t.Context())
			return err == nil && depths[group] == want
		}, patience, 10*time.Millisecond)
	}
	down := newDown("b")
	s := newStore(down.fail)
	cfg := Config{Queue: q, Store: s, Shards: shards, Shard: shardOfEntry, BatchSize: 20}

	publish(sent[:n/2])
	r := start(t, cfg)
	require.Eventually(t, func() bool { return s.len() == n/3 }, patience, time.Millisecond)
	publish(sent[n/2:])
	require.Eventually(t, func() bool { return s.len() == 2*n/3 }, patience, time.Millisecond)
	depth(queue.Record, 0)
	depth(queue.ParkingLots, int64(n/3))
	require.NoError(t, r.Healthy())
	require.NoError(t, r.stop())
	depth(queue.ParkingLots, int64(n/3))

	r = start(t, cfg)
	down.set("b", nil)
	require.Eventually(t, func() bool { return s.len() == n }, patience, time.Millisecond)
	depth(queue.ParkingLots, 0)
	depth(queue.Record, 0)
	depth(queue.Dead, 0)
	require.NoError(t, r.stop())
}

func openClaimed(t *testing.T) queue.Queue {
	blobs, err := file.Open(filepath.Join(t.TempDir(), "blobs"))
	require.NoError(t, err)
	return claimcheck.New(opentest.File(t), claimcheck.Config{Blobs: blobs, Threshold: 1})
}

func openBroker(t *testing.T) queue.Queue {
	queues := []string{"bot.demo"}
	for _, name := range shards {
		queues = append(queues, "record.parked."+name)
	}
	return opentest.Broker(t, queues...)
}
