package spool_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/queuetest"
	"github.com/botgate/botgate/internal/queue/spool"
	"github.com/botgate/botgate/internal/queue/sqlite"
)

// The test binary starts itself again as a child, which these variables tell where to
// publish and which number of each key comes first.
const (
	childPath  = "BOTGATE_TEST_SPOOL_PATH"
	childFirst = "BOTGATE_TEST_SPOOL_FIRST"
	childKeys  = 6
)

// flaky is an embedded queue in the place of the broker, which fails at random.
type flaky struct{ queue.Queue }

func (f flaky) Publish(ctx context.Context, events ...*event.Event) error {
	return fails(func() error { return f.Queue.Publish(ctx, events...) })
}

// PublishTo fails for one queue of an event and not for the other one.
func (f flaky) PublishTo(ctx context.Context, group queue.Group, e *event.Event) error {
	return fails(func() error { return f.Queue.PublishTo(ctx, group, e) })
}

func fails(publish func() error) error {
	switch rand.IntN(5) {
	case 0:
		return queue.ErrUnavailable
	case 1:
		return errors.Join(queue.ErrUnconfirmed, publish())
	case 2:
		return &queue.RefusedError{Err: errors.New("nacked")}
	}
	return publish()
}

// runChild publishes until it is killed and says on standard output what was accepted.
func runChild() error {
	ctx, dir := context.Background(), os.Getenv(childPath)
	first, err := strconv.Atoi(os.Getenv(childFirst))
	if err != nil {
		return err
	}
	embedded, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "broker.db")})
	if err != nil {
		return err
	}
	q, err := openSpool(ctx, flaky{embedded}, spool.Config{Path: filepath.Join(dir, "spool.db")}, spool.Options{TurnWait: time.Millisecond})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for key := range childKeys {
		go func() {
			for n := first; ; n++ {
				e := &event.Event{
					ID: fmt.Sprintf("%d-%d", key, n), Bot: "bot", Type: "command", Time: time.Now(),
					OrderKey: fmt.Sprint("key-", key), VerifiedBy: "jwt", Data: fmt.Append(nil, n),
				}
				if err := q.Publish(ctx, e); err != nil {
					failed <- err
					return
				}
				fmt.Printf("%d %d\n", key, n)
			}
		}()
	}
	return <-failed
}

// killedChild runs a child, kills it after it has said so many lines, and notes what it said.
func killedChild(t *testing.T, dir string, first, lines int, accepted map[int][]int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, self)
	child.Env = append(os.Environ(), childPath+"="+dir, childFirst+"="+strconv.Itoa(first))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	reader := bufio.NewReader(out)
	for said := 1; ; said++ {
		line, err := reader.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		var key, n int
		_, err = fmt.Sscanf(strings.TrimSpace(line), "%d %d", &key, &n)
		require.NoError(t, err)
		accepted[key] = append(accepted[key], n)
		if said == lines {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.Error(t, child.Wait(), "it was killed")
}

// TestKill kills the process that spools and drains, again and again, and finds all that it
// said to have accepted, once and in order.
func TestKill(t *testing.T) {
	t.Parallel()
	dir, accepted := t.TempDir(), map[int][]int{}
	for kill := range 3 {
		killedChild(t, dir, kill*1_000_000, 50+rand.IntN(150), accepted)
	}
	embedded, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "broker.db")})
	require.NoError(t, err)
	q := open(t, embedded, spool.Config{Path: filepath.Join(dir, "spool.db")}, spool.Options{})
	waitDrained(t, q)
	got := map[string][]int{}
	for _, e := range takeAll(t, q) {
		n, err := strconv.Atoi(string(e.Data))
		require.NoError(t, err)
		got[e.OrderKey] = append(got[e.OrderKey], n)
	}
	for key, numbers := range accepted {
		delivered := got[fmt.Sprint("key-", key)]
		require.IsIncreasing(t, delivered, "in order and once")
		require.Subset(t, delivered, numbers)
	}
}

// takeAll acknowledges everything in Dispatch.
func takeAll(t *testing.T, q queue.Queue) (events []*event.Event) {
	t.Helper()
	c, err := q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{})
	require.NoError(t, err)
	for {
		depths, err := q.Depths(t.Context())
		require.NoError(t, err)
		if depths[queue.Dispatch] == 0 {
			return events
		}
		ds, err := c.Receive(t.Context(), 256)
		require.NoError(t, err)
		for _, d := range ds {
			events = append(events, d.Event)
		}
		require.NoError(t, c.Ack(t.Context(), ds...))
	}
}

// TestConformance runs the suite of all queues through spools, each handle with its own.
func TestConformance(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, func(t *testing.T) queuetest.Harness {
		path := newPath(t)
		return queuetest.Harness{Open: func(t *testing.T) queue.Queue {
			embedded, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
			require.NoError(t, err)
			return open(t, embedded, spool.Config{}, spool.Options{})
		}}
	})
}
