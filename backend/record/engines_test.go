package record

import (
	"crypto/rand"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/blob/file"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/claimcheck"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/queue/sqlite"
	"github.com/botgate/botgate/internal/testsvc"
)

const patience = time.Minute

// TestShardDownWithRealQueues has a shard away while its process is replaced, on each engine
// and with bodies that are kept elsewhere.
func TestShardDownWithRealQueues(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		open   func(*testing.T) queue.Queue
		events int
	}{
		"sqlite":   {openFile, 900},
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

func openFile(t *testing.T) queue.Queue {
	q, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "queue.db")})
	require.NoError(t, err)
	return q
}

func openClaimed(t *testing.T) queue.Queue {
	blobs, err := file.Open(filepath.Join(t.TempDir(), "blobs"))
	require.NoError(t, err)
	return claimcheck.New(openFile(t), claimcheck.Config{Blobs: blobs, Threshold: 1})
}

func openBroker(t *testing.T) queue.Queue {
	url, prefix := testsvc.RabbitMQ(t), "test-"+strings.ToLower(rand.Text())
	t.Cleanup(func() { deleteQueues(t, url, prefix) })
	q, err := rabbitmq.Open(t.Context(), rabbitmq.Config{URL: url, Prefix: prefix})
	require.NoError(t, err)
	return q
}

// deleteQueues removes what holds messages.
func deleteQueues(t *testing.T, url, prefix string) {
	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.ExchangeDelete(prefix+".events", false, false))
	names := []string{".record", ".dead"}
	for _, name := range shards {
		names = append(names, ".record.parked."+name)
	}
	for n := range event.Partitions {
		names = append(names, ".dispatch."+strconv.Itoa(n))
	}
	for _, name := range names {
		_, err := ch.QueueDelete(prefix+name, false, false, false)
		require.NoError(t, err)
	}
}
