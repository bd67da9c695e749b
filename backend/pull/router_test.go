package pull

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// owners are some that do not change.
type owners map[string]Owner

func (o owners) All() map[string]Owner { return o }

func (o owners) with(more ...*Ledger) owners {
	for _, l := range more {
		o[l.Process()] = l
	}
	return o
}

// newPeer is a ledger in another process.
func newPeer(t *testing.T, l *Ledger) *peer {
	t.Helper()
	server := httptest.NewServer(Handler(l))
	t.Cleanup(server.Close)
	return &peer{
		process: l.Process(), address: strings.TrimPrefix(server.URL, "http://"), client: server.Client(),
		secret: func() string { return "" }, failed: func(error) {},
	}
}

func quick(settle ...Settlement) Request {
	return Request{Ask: Ask{Max: 10, Lease: DefaultLease}, Settle: settle}
}

func receiptOf(t *testing.T, item json.RawMessage) string {
	t.Helper()
	var got struct{ Receipt string }
	require.NoError(t, json.Unmarshal(item, &got))
	return got.Receipt
}

// TestEventsOfAnotherProcess are received and settled there, byte for byte, whichever process the request reaches.
func TestEventsOfAnotherProcess(t *testing.T) {
	t.Parallel()
	here, there := newTestLedger(), newTestLedger()
	r := NewRouter(owners{there.Process(): newPeer(t, there)}.with(here))
	waiting := make(chan []json.RawMessage, 1)
	go func() {
		request := quick()
		request.Wait = MaxWait
		events, _, err := r.Receive(t.Context(), "demo", request)
		if err != nil {
			t.Error(err)
		}
		waiting <- events
	}()
	require.Eventually(t, func() bool { return !there.IsAbsent("demo") && there.Uses()["demo"].Lent == 0 }, time.Minute, time.Millisecond)
	o := there.offer("e", "k")
	events := <-waiting
	require.Len(t, events, 1)
	require.Contains(t, string(events[0]), `"data":{"a": "<b>"}`)
	receipt := receiptOf(t, events[0])
	require.Equal(t, there.Process(), ProcessOf(receipt))

	go func() { <-o.Ended(); o.Done(OK) }()
	own := here.offer("f", "k")
	events, settled, err := r.Receive(t.Context(), "demo", quick(
		Settlement{Receipt: "nonsense", Outcome: Ack}, Settlement{Receipt: receipt, Outcome: Ack},
		Settlement{Receipt: "0000000000000000.x", Outcome: Ack}))
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, []Result{{"nonsense", Lost}, {receipt, OK}, {"0000000000000000.x", Lost}}, settled)
	own.Done(Lost)
}

func TestWhoIsOutOfReach(t *testing.T) {
	t.Parallel()
	here, gone := newTestLedger(), newTestLedger()
	away := newPeer(t, gone)
	away.address = "127.0.0.1:1"
	var complaints int
	away.failed = func(error) { complaints++ }
	r := NewRouter(owners{gone.Process(): away}.with(here))
	o := here.offer("e", "k")
	events, _, err := r.Receive(t.Context(), "demo", quick())
	require.NoError(t, err)
	require.Len(t, events, 1, "what there is nevertheless")
	_, _, err = r.Receive(t.Context(), "demo", quick())
	require.ErrorIs(t, err, ErrUnavailable, "the other process may have something")
	require.Positive(t, complaints)

	go func() { <-o.Ended(); o.Done(OK) }()
	events, settled, err := r.Receive(t.Context(), "demo", quick(
		Settlement{Receipt: receiptOf(t, events[0]), Outcome: Ack}, Settlement{Receipt: gone.receipt(), Outcome: Ack}))
	require.ErrorIs(t, err, ErrUnavailable)
	require.Empty(t, events)
	require.Equal(t, []Status{OK, Unavailable}, []Status{settled[0].Status, settled[1].Status}, "what is known is said")

	_, err = NewRouter(owners{}).Settle(t.Context(), "demo", []Settlement{{}})
	require.ErrorIs(t, err, ErrUnavailable)
}

func TestAnotherProcessAtTheAddress(t *testing.T) {
	t.Parallel()
	p := newPeer(t, newTestLedger())
	p.process = "another"
	_, err := p.Lease(t.Context(), "demo", Ask{Max: 1})
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "BOTGATE_ADVERTISE")
}

func TestBotsThatDoNotPull(t *testing.T) {
	t.Parallel()
	knows, late := newTestLedger(), newTestLedger()
	late.SetBots(nil)
	r := NewRouter(owners{late.Process(): newPeer(t, late)}.with(knows))
	for bot, want := range map[string]error{"pushed": ErrPushed, "nobody": ErrUnknownBot, "demo": nil} {
		_, _, err := r.Receive(t.Context(), bot, quick())
		require.ErrorIs(t, err, want, bot)
	}
}

// leaving is an owner whose poller leaves while it lends.
type leaving struct {
	*Ledger
	leave func()
}

func (l leaving) Lease(ctx context.Context, bot string, ask Ask) ([]json.RawMessage, error) {
	items, err := l.Ledger.Lease(ctx, bot, ask)
	l.leave()
	return items, err
}

func TestPollerThatLeft(t *testing.T) {
	t.Parallel()
	l := newTestLedger()
	o := l.offer("e", "k")
	ctx, cancel := context.WithCancel(t.Context())
	r := NewRouter(owners{l.Process(): leaving{l, cancel}})
	said := make(chan Outcome, 1)
	go func() {
		said <- (<-o.Ended()).Outcome
		o.Done(OK)
	}()
	events, _, err := r.Receive(ctx, "demo", quick())
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, events)
	require.Equal(t, Release, <-said, "nobody got it, and nothing is charged")
}

func TestReceivesAreBounded(t *testing.T) {
	t.Parallel()
	r := NewRouter(owners{}.with(newTestLedger()))
	for range maxReceivesOfBot {
		_, err := r.enter("demo")
		require.NoError(t, err)
	}
	_, _, err := r.Receive(t.Context(), "demo", quick())
	require.ErrorIs(t, err, ErrBusy)
	leave, err := r.enter("other")
	require.NoError(t, err)
	leave()
	require.NotContains(t, r.of, "other")
}

func TestHandlerIsForProcesses(t *testing.T) {
	t.Parallel()
	l := newTestLedger()
	for header, want := range map[string]int{"": http.StatusMisdirectedRequest, "X-Forwarded-For": http.StatusNotFound, "Forwarded": http.StatusNotFound} {
		request := httptest.NewRequest(http.MethodPost, Path+"demo/await", strings.NewReader("{}"))
		if header != "" {
			request.Header.Set(header, "1.2.3.4")
			request.Header.Set(processHeader, l.Process())
		}
		w := httptest.NewRecorder()
		Handler(l).ServeHTTP(w, request)
		require.Equal(t, want, w.Code)
	}
}
