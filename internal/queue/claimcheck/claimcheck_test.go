package claimcheck_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/blob/file"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/claimcheck"
	"github.com/botgate/botgate/internal/queue/queuetest"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/queue/sqlite"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

// TestConformance demands of queues whose bodies are all kept elsewhere what is demanded of
// the engines.
func TestConformance(t *testing.T) {
	t.Parallel()
	// Of its own, so that nothing is left over in the one that others use.
	broker := testsvc.StartRabbitMQ(t)
	for name, engine := range map[string]func(t *testing.T, dir string) queue.Queue{
		"sqlite": openEngine,
		"rabbitmq": func(t *testing.T, _ string) queue.Queue {
			q, err := rabbitmq.Open(context.Background(), rabbitmq.Config{URL: broker.URL})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, q.Close()) })
			return q
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queuetest.Run(t, func(t *testing.T) queuetest.Harness {
				dir := t.TempDir()
				embedded := name == "sqlite"
				return queuetest.Harness{History: embedded, Exact: embedded, Answers: !embedded, Open: func(t *testing.T) queue.Queue {
					blobs, err := file.Open(filepath.Join(dir, "blobs"))
					require.NoError(t, err)
					q := claimcheck.New(engine(t, dir), claimcheck.Config{Blobs: blobs, Threshold: 1})
					t.Cleanup(func() { require.NoError(t, q.Close()) })
					return q
				}}
			})
		})
	}
}

// open returns the claim check over the embedded queue in a folder.
func open(t *testing.T, dir string, cfg claimcheck.Config) queue.Queue {
	t.Helper()
	cfg.Pause = time.Millisecond
	q := claimcheck.New(openEngine(t, dir), cfg)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	return q
}

func openEngine(t *testing.T, dir string) queue.Queue {
	t.Helper()
	q, err := sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(dir, "queue.db"), History: queue.DefaultRetention})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	return q
}

// memory is a store that fails as a test wants.
type memory struct {
	mu     sync.Mutex
	blobs  map[blob.Ref][]byte
	putErr error
	// getErrs are for the next Gets, in that order.
	getErrs []error
	gets    int
	// gate holds Gets up; nil for none.
	gate chan struct{}
}

func newMemory() *memory { return &memory{blobs: map[blob.Ref][]byte{}} }

func (m *memory) Put(_ context.Context, ref blob.Ref, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.putErr != nil {
		return m.putErr
	}
	m.blobs[ref] = bytes.Clone(data)
	return nil
}

func (m *memory) Get(ctx context.Context, ref blob.Ref) ([]byte, error) {
	if m.gate != nil {
		select {
		case <-m.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	if len(m.getErrs) > 0 {
		err := m.getErrs[0]
		m.getErrs = m.getErrs[1:]
		return nil, err
	}
	data, ok := m.blobs[ref]
	if !ok {
		return nil, blob.ErrNotFound
	}
	return data, nil
}

func (m *memory) Close() error { return nil }

func (m *memory) count() (gets int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gets
}

func newEvent(t *testing.T, size int) *event.Event {
	t.Helper()
	id, err := event.NewID("")
	require.NoError(t, err)
	e := &event.Event{
		ID: id, Bot: "demo", Type: "github.push", Time: time.Now(), VerifiedBy: "github",
		ContentType: "application/json", Data: bytes.Repeat([]byte{'x'}, size),
	}
	e.Normalize()
	return e
}

func subscribe(t *testing.T, q queue.Queue, group queue.Group) queue.Consumer {
	t.Helper()
	c, err := q.Subscribe(t.Context(), group, queue.SubscribeOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func receive(t *testing.T, c queue.Consumer) *queue.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ds, err := c.Receive(ctx, 1)
	require.NoError(t, err)
	require.Len(t, ds, 1)
	return ds[0]
}

// TestOnlyReferencesAreQueued looks at the messages of the engine.
func TestOnlyReferencesAreQueued(t *testing.T) {
	t.Parallel()
	dir, blobs := t.TempDir(), newMemory()
	q := open(t, dir, claimcheck.Config{Blobs: blobs, Threshold: 1000})
	small, large := newEvent(t, 1000), newEvent(t, 1001)
	before := *large
	require.NoError(t, q.Publish(t.Context(), small, large))
	require.Equal(t, before, *large, "the caller's event stays as it was")

	c := subscribe(t, openEngine(t, dir), queue.Record)
	d := receive(t, c)
	require.Equal(t, small.Data, d.Event.Data)
	require.Empty(t, d.Event.DataRef)
	d = receive(t, c)
	require.Empty(t, d.Event.Data)
	require.Equal(t, blob.RefOf(large.Data).String(), d.Event.DataRef)
	require.Len(t, blobs.blobs, 1)
}

func TestThresholdOff(t *testing.T) {
	t.Parallel()
	blobs := newMemory()
	q := open(t, t.TempDir(), claimcheck.Config{Blobs: blobs, Threshold: -1})
	require.NoError(t, q.Publish(t.Context(), newEvent(t, 1_000_000)))
	require.Empty(t, blobs.blobs)
	require.Len(t, receive(t, subscribe(t, q, queue.Record)).Event.Data, 1_000_000)
}

func TestNothingIsQueuedWithoutItsBody(t *testing.T) {
	t.Parallel()
	blobs := newMemory()
	blobs.putErr = blob.ErrUnavailable
	q := open(t, t.TempDir(), claimcheck.Config{Blobs: blobs})
	large := newEvent(t, claimcheck.DefaultThreshold+1)
	require.ErrorIs(t, q.Publish(t.Context(), newEvent(t, 1), large), queue.ErrUnavailable)
	depths, err := q.Depths(t.Context())
	require.NoError(t, err)
	require.Zero(t, depths[queue.Record])

	blobs.putErr = nil
	large.Bot = ""
	require.ErrorIs(t, q.Publish(t.Context(), large), queue.ErrInvalid)
	require.Empty(t, blobs.blobs, "what can't be queued is not kept")
}

// TestOthersDoNotWaitForTheStore holds up a large body while small ones pass.
func TestOthersDoNotWaitForTheStore(t *testing.T) {
	t.Parallel()
	blobs := newMemory()
	blobs.gate = make(chan struct{})
	q := open(t, t.TempDir(), claimcheck.Config{Blobs: blobs, Threshold: 1})
	large, small := newEvent(t, 2), newEvent(t, 1)
	require.NoError(t, q.Publish(t.Context(), large, small))
	c := subscribe(t, q, queue.Dispatch)
	d := receive(t, c)
	require.Equal(t, small.ID, d.Event.ID)
	blobs.gate <- struct{}{}
	d = receive(t, c)
	require.Equal(t, large.ID, d.Event.ID)
	require.Equal(t, large.Data, d.Event.Data)
}

// TestUnavailableStoreCountsNoAttempt makes the store unavailable for a while.
func TestUnavailableStoreCountsNoAttempt(t *testing.T) {
	t.Parallel()
	blobs := newMemory()
	blobs.getErrs = []error{errors.Join(errors.New("refused"), blob.ErrUnavailable)}
	q := open(t, t.TempDir(), claimcheck.Config{Blobs: blobs, Threshold: 1})
	require.NoError(t, q.Publish(t.Context(), newEvent(t, 2)))
	d := receive(t, subscribe(t, q, queue.Dispatch))
	require.Equal(t, 1, d.Attempt)
	require.NoError(t, d.Unreadable)
	require.Equal(t, 2, blobs.count())
}

func TestMissingBodyIsTriedAgainAndThenHandedOut(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]error{"missing": blob.ErrNotFound, "damaged": blob.ErrCorrupt} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blobs := newMemory()
			blobs.getErrs = []error{cause, cause, cause, cause, cause, cause, cause}
			q := open(t, t.TempDir(), claimcheck.Config{Blobs: blobs, Threshold: 1})
			e := newEvent(t, 2)
			require.NoError(t, q.Publish(t.Context(), e))
			c := subscribe(t, q, queue.Dispatch)
			d := receive(t, c)
			require.ErrorIs(t, d.Unreadable, cause)
			require.Equal(t, 5, d.Attempt)
			require.Empty(t, d.Event.Data)
			require.NoError(t, c.DeadLetter(t.Context(), d, d.Unreadable.Error()))

			dead := subscribe(t, q, queue.Dead)
			d = receive(t, dead)
			require.ErrorIs(t, d.Unreadable, cause, "at once")
			require.Equal(t, cause.Error(), d.Dead.Reason)
			require.NoError(t, dead.Retry(t.Context(), d, 0))
			blobs.mu.Lock()
			blobs.getErrs = nil
			blobs.mu.Unlock()
			require.Equal(t, e.Data, receive(t, dead).Event.Data, "once it was repaired")
		})
	}
}

// TestUnknownStore has a consumer without a blob store: the event waits.
func TestUnknownStore(t *testing.T) {
	t.Parallel()
	dir, blobs := t.TempDir(), newMemory()
	e := newEvent(t, 2)
	require.NoError(t, open(t, dir, claimcheck.Config{Blobs: blobs, Threshold: 1}).Publish(t.Context(), e))
	without, err := open(t, dir, claimcheck.Config{}).Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = without.Receive(ctx, 1)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, without.Close())
	with := subscribe(t, open(t, dir, claimcheck.Config{Blobs: blobs}), queue.Record)
	require.Equal(t, e.Data, receive(t, with).Event.Data)
}

func TestHostileReferenceIsHandedOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hostile := newEvent(t, 0)
	hostile.DataRef = "sha256:../../../../etc/passwd?size=100"
	require.NoError(t, openEngine(t, dir).Publish(t.Context(), hostile))
	d := receive(t, subscribe(t, open(t, dir, claimcheck.Config{Blobs: newMemory()}), queue.Record))
	require.ErrorContains(t, d.Unreadable, "can't be read")
	require.Empty(t, d.Event.Data)
}

// TestHeldBytesAreBounded lets a consumer hold three of four bodies.
func TestHeldBytesAreBounded(t *testing.T) {
	t.Parallel()
	blobs := newMemory()
	q := open(t, t.TempDir(), claimcheck.Config{Blobs: blobs, Threshold: 1, HeldBytes: 300})
	for range 4 {
		require.NoError(t, q.Publish(t.Context(), newEvent(t, 100)))
	}
	c := subscribe(t, q, queue.Record)
	held := []*queue.Delivery{receive(t, c), receive(t, c), receive(t, c)}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := c.Receive(ctx, 1)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, 3, blobs.count())
	require.NoError(t, c.Ack(t.Context(), held[1]))
	require.NoError(t, c.Ack(t.Context(), receive(t, c)))

	large := newEvent(t, 1000)
	require.NoError(t, q.Publish(t.Context(), large))
	require.NoError(t, c.Ack(t.Context(), held[0], held[2]))
	require.Equal(t, large.ID, receive(t, c).Event.ID, "one of any size is held alone")
}

// TestDeadLetters looks after a dead letter with a large body, also when that is gone.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	blobs := newMemory()
	q := open(t, t.TempDir(), claimcheck.Config{Blobs: blobs, Threshold: 1})
	e := newEvent(t, 1000)
	require.NoError(t, q.Publish(t.Context(), e))
	c := subscribe(t, q, queue.Dispatch)
	d := receive(t, c)
	d.Note(queue.Outcome{Attempt: 1, StatusCode: 500})
	require.NoError(t, c.Retry(t.Context(), d, 0))
	d = receive(t, c)
	require.Len(t, d.Outcomes, 1, "what a role noted goes along")
	require.NoError(t, c.DeadLetter(t.Context(), d, "refused"))

	dead := subscribe(t, q, queue.Dead)
	d = receive(t, dead)
	require.Equal(t, e.Data, d.Event.Data)
	require.Empty(t, d.Event.DataRef)
	blobs.getErrs = []error{blob.ErrNotFound}
	require.NoError(t, dead.Retry(t.Context(), d, 0))
	d = receive(t, dead)
	require.ErrorIs(t, d.Unreadable, blob.ErrNotFound)
	require.Empty(t, d.Event.Data)
	require.Equal(t, blob.RefOf(e.Data).String(), d.Event.DataRef)

	require.NoError(t, dead.Redrive(t.Context(), d))
	d = receive(t, c)
	require.Equal(t, e.Data, d.Event.Data)
}

// TestHistory shows and replays an event with a large body, also when that is gone.
// boundless is a store that never answers who does not bound the wait.
type boundless struct{ *memory }

func (b boundless) Get(ctx context.Context, ref blob.Ref) ([]byte, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		return nil, errors.New("the wait for a body has no bound")
	}
	return b.memory.Get(ctx, ref)
}

func TestReadersBoundTheirWait(t *testing.T) {
	t.Parallel()
	q := open(t, t.TempDir(), claimcheck.Config{Blobs: boundless{newMemory()}, Threshold: 1})
	e := newEvent(t, 1000)
	require.NoError(t, q.Publish(t.Context(), e))
	require.NoError(t, q.ReadHistory(t.Context(), queue.HistoryRange{}, func(record queue.HistoryRecord) error {
		require.Equal(t, e.Data, record.Event.Data)
		return nil
	}))
}

func TestHistory(t *testing.T) {
	t.Parallel()
	blobs := newMemory()
	q := open(t, t.TempDir(), claimcheck.Config{Blobs: blobs, Threshold: 1})
	e := newEvent(t, 1000)
	require.NoError(t, q.Publish(t.Context(), e))
	c := subscribe(t, q, queue.Dispatch)
	require.NoError(t, c.Ack(t.Context(), receive(t, c)))
	shown := func() (records []queue.HistoryRecord) {
		t.Helper()
		require.NoError(t, q.ReadHistory(t.Context(), queue.HistoryRange{}, func(record queue.HistoryRecord) error {
			if !record.Event.IsChange() {
				records = append(records, record)
			}
			return nil
		}))
		return records
	}
	records := shown()
	require.Len(t, records, 1)
	require.Equal(t, e.Data, records[0].Event.Data)

	ref := blob.RefOf(e.Data)
	clear(blobs.blobs)
	require.NoError(t, q.Replay(t.Context(), queue.Dispatch, 1, records...))
	require.Contains(t, blobs.blobs, ref, "it is put again")
	require.Equal(t, e.Data, receive(t, c).Event.Data)

	clear(blobs.blobs)
	gone := shown()[0].Event
	require.Empty(t, gone.Data)
	require.Equal(t, ref.String(), gone.DataRef)
	blobs.getErrs = []error{blob.ErrUnavailable}
	require.ErrorIs(t, q.ReadHistory(t.Context(), queue.HistoryRange{}, func(queue.HistoryRecord) error { return nil }), queue.ErrUnavailable)
}

func TestCloseGivesBackWhatIsBeingFetched(t *testing.T) {
	t.Parallel()
	blobs := newMemory()
	blobs.gate = make(chan struct{})
	q := open(t, t.TempDir(), claimcheck.Config{Blobs: blobs, Threshold: 1})
	e := newEvent(t, 2)
	require.NoError(t, q.Publish(t.Context(), e))
	c, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = c.Receive(ctx, 1)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, c.Close())
	_, err = c.Receive(t.Context(), 1)
	require.ErrorIs(t, err, queue.ErrClosed)
	close(blobs.gate)
	d := receive(t, subscribe(t, q, queue.Record))
	require.Equal(t, e.Data, d.Event.Data)
	require.Equal(t, 1, d.Attempt)
}
