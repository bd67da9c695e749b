package dispatch

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

// secretOf is a valid secret that is different for each name.
func secretOf(name string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%-24s", name))
}

// settled says how a delivery ended.
type settled struct {
	how     string
	id      string
	attempt int
	delay   time.Duration
	reason  string
	// told is how many changes had been published by then.
	told int
}

// fakeQueue hands out what is put in, each retry at once, and keeps what it is told.
// It is its own only consumer.
type fakeQueue struct {
	deliveries chan *queue.Delivery
	settled    chan settled
	closed     chan struct{}
	// refuse is asked before each operation: "subscribe", "ready", "publish", "ack", "retry" or "dead-letter".
	refuse func(operation string) error

	// answer is what becomes of an answer, nil for one that says that there is none.
	answer func(context.Context, *queue.Delivery, *event.Answer) (taken bool)

	mu       sync.Mutex
	retryNow func(bot string) // The consumer's.
	adjusted []queue.Bots
	// keeps is whether what is postponed stays away, and does not come again at once.
	keeps   bool
	changes []event.Change
	// late are the late answers, which come from the queue, too.
	late []*event.Event
	// histories are those of what was settled.
	histories [][]queue.Outcome
}

func newFakeQueue() *fakeQueue {
	return &fakeQueue{
		deliveries: make(chan *queue.Delivery, 100),
		settled:    make(chan settled, 100),
		closed:     make(chan struct{}),
		refuse:     func(string) error { return nil },
	}
}

func (q *fakeQueue) Subscribe(_ context.Context, group queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error) {
	if group != queue.Dispatch || opts.Prefetch <= 0 {
		return nil, fmt.Errorf("subscribed to %s with prefetch %d", group, opts.Prefetch)
	}
	q.mu.Lock()
	q.retryNow = opts.TellRetryNow
	q.mu.Unlock()
	return q, q.refuse("subscribe")
}

func (q *fakeQueue) Ready(context.Context) error { return q.refuse("ready") }

func (q *fakeQueue) Publish(ctx context.Context, events ...*event.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := q.refuse("publish"); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range events {
		c, err := event.ParseChange(e)
		if err != nil {
			return err
		}
		q.changes = append(q.changes, c)
	}
	return nil
}

// PublishTo is for late answers alone.
func (q *fakeQueue) PublishTo(ctx context.Context, group queue.Group, e *event.Event) error {
	if err := cmp.Or(ctx.Err(), q.refuse("publish-to")); err != nil {
		return err
	}
	if group != queue.Dispatch || !e.IsLateAnswer() || e.Validate() != nil {
		return fmt.Errorf("published %s to %s", e.Type, group)
	}
	q.mu.Lock()
	q.late = append(q.late, e)
	q.mu.Unlock()
	q.put(1, e)
	return nil
}

func (q *fakeQueue) Receive(ctx context.Context, _ int) ([]*queue.Delivery, error) {
	select {
	case d := <-q.deliveries:
		return []*queue.Delivery{d}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-q.closed:
		return nil, queue.ErrClosed
	}
}

func (q *fakeQueue) settle(ctx context.Context, d *queue.Delivery, s settled) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := q.refuse(s.how); err != nil {
		return err
	}
	s.id, s.attempt, s.told = d.Event.ID, d.Attempt, len(q.told())
	q.mu.Lock()
	q.histories = append(q.histories, d.Outcomes)
	q.mu.Unlock()
	q.settled <- s
	return nil
}

func (q *fakeQueue) Ack(ctx context.Context, deliveries ...*queue.Delivery) (err error) {
	for _, d := range deliveries {
		err = cmp.Or(q.ack(ctx, d), err)
	}
	return err
}

func (q *fakeQueue) ack(ctx context.Context, d *queue.Delivery) error {
	for _, c := range slices.Backward(q.told()) {
		if c.EventID == d.Event.ID && c.Status == event.StatusDead {
			return q.settle(ctx, d, settled{how: "dead", reason: c.Error})
		}
	}
	return q.settle(ctx, d, settled{how: "ack"})
}

func (q *fakeQueue) Retry(ctx context.Context, d *queue.Delivery, delay time.Duration) error {
	if err := q.settle(ctx, d, settled{how: "retry", delay: delay}); err != nil {
		return err
	}
	q.deliveries <- &queue.Delivery{Event: d.Event, Attempt: d.Attempt + 1, Replays: d.Replays, Outcomes: d.Outcomes}
	return nil
}

func (q *fakeQueue) Postpone(ctx context.Context, d *queue.Delivery, delay time.Duration) error {
	if err := q.settle(ctx, d, settled{how: "postpone", delay: delay}); err != nil || q.keeps {
		return err
	}
	q.deliveries <- &queue.Delivery{Event: &event.Event{ID: d.Event.ID, Bot: d.Event.Bot, Type: d.Event.Type, Time: d.Event.Time}, Attempt: d.Attempt}
	return nil
}

func (q *fakeQueue) DeadLetter(ctx context.Context, d *queue.Delivery, reason string) error {
	return q.settle(ctx, d, settled{how: "dead-letter", reason: reason})
}

func (q *fakeQueue) Park(context.Context, string, ...*queue.Delivery) error {
	panic("dispatch parks nothing")
}

func (q *fakeQueue) Redrive(context.Context, ...*queue.Delivery) error {
	panic("dispatch redrives nothing")
}

func (q *fakeQueue) Answer(ctx context.Context, d *queue.Delivery, answer *event.Answer) bool {
	if q.answer == nil {
		return false
	}
	return q.answer(ctx, d, answer)
}

func (q *fakeQueue) Adjust(opts queue.SubscribeOptions) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.adjusted = append(q.adjusted, opts.Bots)
	return nil
}

func (q *fakeQueue) Close() error { return nil }

func (q *fakeQueue) told() []event.Change {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]event.Change(nil), q.changes...)
}

func (q *fakeQueue) seen() [][]queue.Outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([][]queue.Outcome(nil), q.histories...)
}

func (q *fakeQueue) put(attempt int, e *event.Event) {
	q.deliveries <- &queue.Delivery{Event: e, Attempt: attempt}
}

// next waits for the next delivery to be settled.
func (q *fakeQueue) next(t *testing.T) settled {
	t.Helper()
	select {
	case s := <-q.settled:
		return s
	case <-time.After(time.Minute):
		require.FailNow(t, "nothing was settled in time")
		return settled{}
	}
}

func newEvent(id string) *event.Event {
	return &event.Event{
		ID: id, Bot: "demo", Type: "github.push", Subject: "42", Time: time.Now().UTC().Truncate(time.Microsecond),
		OrderKey: "k", VerifiedBy: "github", ContentType: "application/json", Data: []byte(`{"a":1}`),
	}
}

// start runs a dispatcher until the test ends. The bot demo is at the address.
func start(t *testing.T, q *fakeQueue, address string, change ...func(*Config, *bots.Bot)) *Dispatcher {
	t.Helper()
	bot := bots.Bot{Name: "demo", URL: address, AllowPrivate: true, Secrets: []string{secretOf("one")}, Timeout: 5 * time.Second, MaxAttempts: 3}
	cfg := Config{Queue: q}
	for _, f := range change {
		f(&cfg, &bot)
	}
	cfg.Bots = bots.Set{"demo": bot}
	d, err := New(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return d
}

// roundTrip is a bot without a network, for tests in a bubble of synctest.
type roundTrip func(*http.Request) (int, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	status, err := f(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// newWithout makes a dispatcher without a network. All bots are the function; the bot
// demo is one of them.
func newWithout(t *testing.T, q Queue, f roundTrip, others ...string) *Dispatcher {
	t.Helper()
	set := bots.Set{}
	for _, name := range append(others, "demo") {
		set[name] = bots.Bot{
			Name: name, URL: "http://" + name, Secrets: []string{secretOf("one")}, Timeout: time.Minute, MaxAttempts: 3,
		}
	}
	d, err := New(Config{Queue: q, Bots: set})
	require.NoError(t, err)
	d.clients.public = f
	return d
}

// running starts a dispatcher; stop ends it and returns what Run did.
func running(t *testing.T, d *Dispatcher) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

// bot serves a bot that answers with the function.
func bot(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f(w, r)
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// answering is a bot that always answers with the status and headers (name, value, …).
func answering(t *testing.T, status int, headers ...string) string {
	t.Helper()
	return bot(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "the bot's own words")
	})
}
