package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// The test binary starts itself again as a child, which these variables tell what to do.
const (
	childRole = "BOTGATE_TEST_QUEUE_ROLE"
	childPath = "BOTGATE_TEST_QUEUE_PATH"
)

// runChild publishes or consumes until it is killed, and says on standard output what it did.
func runChild(role string) error {
	ctx := context.Background()
	q, err := Open(ctx, Config{Path: os.Getenv(childPath)})
	if err != nil {
		return err
	}
	switch role {
	case "park":
		return childPark(ctx, q)
	case "publish":
	default:
		return childConsume(ctx, q, role == "hold")
	}
	var mu sync.Mutex
	failed := make(chan error)
	for range 8 {
		go func() {
			for {
				e := testEvent(fmt.Sprint("key-", rand.IntN(20)))
				if err := q.Publish(ctx, e); err != nil {
					failed <- err
					return
				}
				mu.Lock()
				fmt.Println("published", e.ID)
				mu.Unlock()
			}
		}()
	}
	return <-failed
}

func childConsume(ctx context.Context, q *Queue, hold bool) error {
	c, err := q.Subscribe(ctx, queue.Record, queue.SubscribeOptions{})
	if err != nil {
		return err
	}
	for {
		ds, err := c.Receive(ctx, 5)
		if err != nil {
			return err
		}
		if hold {
			fmt.Println("holding", ds[0].Event.ID)
			continue
		}
		for _, d := range ds {
			fmt.Println("acking", d.Event.ID)
		}
		if err := c.Ack(ctx, ds...); err != nil {
			return err
		}
		for _, d := range ds {
			fmt.Println("acked", d.Event.ID)
		}
	}
}

func testEvent(key string) *event.Event {
	id, err := event.NewID("")
	if err != nil {
		panic(err)
	}
	return &event.Event{
		ID: id, Bot: "bot", Type: "command", Time: time.Now().UTC().Truncate(time.Microsecond),
		OrderKey: key, VerifiedBy: "jwt", Data: []byte(`{"text":"hello"}`),
	}
}

// killedChild runs a child, kills it once it has said a number of lines, and returns all
// that it said: what it did, and to which ids.
func killedChild(t *testing.T, role, path string, lines int) map[string][]string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, self)
	child.Env = append(os.Environ(), childRole+"="+role, childPath+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	said := map[string][]string{}
	reader := bufio.NewReader(out)
	for n := 1; ; n++ {
		line, err := reader.ReadString('\n')
		if err == io.EOF {
			break // What follows the last line end was cut off and does not count.
		}
		require.NoError(t, err)
		verb, id, ok := strings.Cut(strings.TrimSpace(line), " ")
		require.True(t, ok, "line %q", line)
		said[verb] = append(said[verb], id)
		if n == lines {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.Error(t, child.Wait(), "the child was killed")
	require.NoError(t, ctx.Err(), "the child was too slow")
	return said
}

// drainGroup acknowledges what a group has and counts how often each id came.
func drainGroup(t *testing.T, q *Queue, group queue.Group) map[string]int {
	t.Helper()
	c, err := q.Subscribe(t.Context(), group, queue.SubscribeOptions{})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	came, counted := map[string]int{}, group
	if _, parked := group.ParkingLot(); parked {
		counted = queue.ParkingLots
	}
	for {
		depths, err := q.Depths(ctx)
		require.NoError(t, err)
		if depths[counted] == 0 {
			require.NoError(t, c.Close())
			return came
		}
		ds, err := c.Receive(ctx, 256)
		require.NoError(t, err)
		require.NoError(t, c.Ack(ctx, ds...))
		for _, d := range ds {
			came[d.Event.ID]++
		}
	}
}

func requireIntact(t *testing.T, q *Queue) {
	t.Helper()
	var verdict string
	require.NoError(t, q.reader.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict))
	require.Equal(t, "ok", verdict)
}

// TestKilledPublisher kills a process that publishes, while this one publishes into the
// same file: all that was confirmed to either is there, once.
func TestKilledPublisher(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	q := openAt(t, Config{Path: path})
	var confirmed []string
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			e := testEvent(fmt.Sprint("key-", rand.IntN(50)))
			if err := q.Publish(t.Context(), e); err != nil {
				stopped <- err
				return
			}
			confirmed = append(confirmed, e.ID)
		}
	}()
	var theirs []string
	for range 3 {
		theirs = append(theirs, killedChild(t, "publish", path, 20+rand.IntN(150))["published"]...)
	}
	close(stop)
	require.NoError(t, <-stopped)
	require.NoError(t, q.Close())

	q = openAt(t, Config{Path: path})
	requireIntact(t, q)
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		came := drainGroup(t, q, group)
		for _, id := range append(confirmed, theirs...) {
			require.Equalf(t, 1, came[id], "event %s in group %s", id, group)
		}
		for id, times := range came {
			require.Equalf(t, 1, times, "event %s in group %s", id, group)
		}
	}
}

// killedAmid has a child work on 600 events until it is killed somewhere in between. It returns
// the queue as the child left it, the events, and what the child said.
func killedAmid(t *testing.T, role string) (*Queue, []*event.Event, map[string][]string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "queue.db")
	q := openAt(t, Config{Path: path})
	events := make([]*event.Event, 600)
	for i := range events {
		events[i] = testEvent(fmt.Sprint("key-", i))
	}
	require.NoError(t, q.Publish(t.Context(), events...))
	require.NoError(t, q.Close())

	said := killedChild(t, role, path, 20+rand.IntN(300))
	q = openAt(t, Config{Path: path})
	requireIntact(t, q)
	return q, events, said
}

// TestKilledConsumer kills a process that consumes: what it had acknowledged is gone, and
// what it had only leased is there again as soon as the file is opened.
func TestKilledConsumer(t *testing.T) {
	t.Parallel()
	q, events, said := killedAmid(t, "consume")
	came := drainGroup(t, q, queue.Record)
	attempted := map[string]bool{}
	for _, id := range said["acking"] {
		attempted[id] = true
	}
	for _, e := range events {
		if !attempted[e.ID] {
			require.Equal(t, 1, came[e.ID], "an event that was not acknowledged")
		}
	}
	for _, id := range said["acked"] {
		require.Zero(t, came[id], "an event that was acknowledged")
	}
}

// TestKilledConsumerIsNoticed has a process that lives on take over.
func TestKilledConsumerIsNoticed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	q := openAt(t, Config{Path: path})
	e := testEvent("key")
	require.NoError(t, q.Publish(t.Context(), e))
	said := killedChild(t, "hold", path, 1)
	require.Equal(t, []string{e.ID}, said["holding"])
	require.Equal(t, map[string]int{e.ID: 1}, drainGroup(t, q, queue.Record))
}

// TestCrashesAreCounted kills a process that holds events until they are suspected: then
// they come one at a time, and only the one in hand is counted.
func TestCrashesAreCounted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	q := openAt(t, Config{Path: path})
	events := []*event.Event{testEvent("a"), testEvent("b"), testEvent("c")}
	require.NoError(t, q.Publish(t.Context(), events...))
	for range queue.SuspectAfter {
		killedChild(t, "hold", path, 1)
		require.NoError(t, q.reap(t.Context()))
	}
	for range 2 {
		require.Equal(t, []string{events[0].ID}, killedChild(t, "hold", path, 1)["holding"])
		require.NoError(t, q.reap(t.Context()))
	}
	fresh := testEvent("d")
	require.NoError(t, q.Publish(t.Context(), fresh))
	c := subscribe(t, q, queue.Record)
	ds := []*queue.Delivery{receiveOne(t, c), receiveOne(t, c)}
	require.Equal(t, []string{events[0].ID, fresh.ID}, []string{ds[0].Event.ID, ds[1].Event.ID})
	require.Equal(t, queue.SuspectAfter+2, ds[0].Crashes)
	require.NoError(t, c.Retry(t.Context(), ds[0], 0))
	again := map[string]int{}
	for range 3 {
		d := receiveOne(t, c)
		again[d.Event.ID] = d.Crashes
		require.NoError(t, c.Ack(t.Context(), d))
	}
	require.Equal(t, map[string]int{events[0].ID: 0, events[1].ID: queue.SuspectAfter, events[2].ID: queue.SuspectAfter}, again,
		"an attempt that ended clears an event")
}
