package pull

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

func newDelivery(id, key string) *queue.Delivery {
	e := &event.Event{
		ID: id, Bot: "demo", Type: "telegram.message", OrderKey: key, Time: time.Now(), ContentType: "application/json",
		Data: []byte(`{"a": "<b>"}`),
	}
	return &queue.Delivery{Event: e, Attempt: 1}
}

// newLedger has the bots demo and other, which pull, and one that does not.
func newTestLedger() *Ledger {
	l := NewLedger()
	l.SetBots(map[string]bool{"demo": true, "other": true, "pushed": false})
	return l
}

func always() bool { return true }

func (l *Ledger) offer(id, key string) *Offer { return l.Offer(newDelivery(id, key), false, always) }

// lease lends what there is, and returns the receipts and the ids of the events.
func lease(t *testing.T, l *Ledger, ask Ask) (receipts, ids []string) {
	t.Helper()
	if ask.Max == 0 {
		ask.Max = MaxEvents
	}
	if ask.Lease == 0 {
		ask.Lease = DefaultLease
	}
	items, err := l.Lease(t.Context(), "demo", ask)
	require.NoError(t, err)
	for _, raw := range items {
		var got struct {
			Receipt string
			Event   struct{ ID string }
		}
		require.NoError(t, json.Unmarshal(raw, &got))
		receipts, ids = append(receipts, got.Receipt), append(ids, got.Event.ID)
	}
	return receipts, ids
}

func settleOne(t *testing.T, l *Ledger, bot, receipt string, o Outcome) Status {
	t.Helper()
	statuses, err := l.Settle(t.Context(), bot, []Settlement{{Receipt: receipt, Outcome: o}})
	require.NoError(t, err)
	return statuses[0]
}

func TestLeaseIsAsTheAPISays(t *testing.T) {
	t.Parallel()
	l := newTestLedger()
	d := newDelivery("e", "k")
	d.Attempt, d.Replays = 2, 7
	l.Offer(d, false, always)
	items, err := l.Lease(t.Context(), "demo", Ask{Max: 1, Lease: DefaultLease})
	require.NoError(t, err)
	require.Len(t, items, 1)
	require.Contains(t, string(items[0]), `"data":{"a": "<b>"}`, "the body is the sender's")
	var got map[string]any
	require.NoError(t, json.Unmarshal(items[0], &got))
	require.EqualValues(t, 2, got["attempt"])
	require.EqualValues(t, 7, got["replay"])
	require.Subset(t, got["event"], map[string]any{
		"id": "e", "specversion": "1.0", "source": "/bots/demo", "datacontenttype": "application/json", "orderkey": "k",
	})
}

func TestOneOfAKeyInOrder(t *testing.T) {
	t.Parallel()
	l := newTestLedger()
	l.offer("a1", "a")
	l.offer("b1", "b")
	l.offer("a2", "a") // A copy that a lost connection brought: the queue has one of a key at a time.
	_, ids := lease(t, l, Ask{Max: 1})
	require.Equal(t, []string{"a1"}, ids)
	_, ids = lease(t, l, Ask{})
	require.Equal(t, []string{"b1"}, ids)
	_, ids = lease(t, l, Ask{})
	require.Empty(t, ids)
}

func TestSettling(t *testing.T) {
	t.Parallel()
	l := newTestLedger()
	o := l.offer("e", "k")
	receipts, _ := lease(t, l, Ask{})
	require.Equal(t, l.Process(), ProcessOf(receipts[0]))
	require.Equal(t, Lost, settleOne(t, l, "other", receipts[0], Ack), "a receipt is for one bot")
	require.Equal(t, Lost, settleOne(t, l, "nobody", receipts[0], Ack))
	require.Equal(t, Lost, settleOne(t, l, "demo", receipts[0]+"x", Ack))
	require.Equal(t, OK, settleOne(t, l, "demo", receipts[0], Extend))
	go func() {
		if said := <-o.Ended(); said.Outcome == Ack {
			o.Done(OK)
		}
	}()
	require.Equal(t, OK, settleOne(t, l, "demo", receipts[0], Ack))
	require.Equal(t, OK, settleOne(t, l, "demo", receipts[0], Ack), "who did not get the answer asks again")
	require.Equal(t, Lost, settleOne(t, l, "demo", receipts[0], Extend))

	lost := l.offer("f", "k")
	receipts, _ = lease(t, l, Ask{})
	lost.Done(Lost) // The process stops, or the queue took it back.
	require.Equal(t, Lost, settleOne(t, l, "demo", receipts[0], Ack))
	require.Empty(t, l.lines["demo"].keys)
	require.Zero(t, l.lines["demo"].bytes)
}

func TestProgressIsToldInSteps(t *testing.T) {
	t.Parallel()
	l := newTestLedger()
	o := l.offer("e", "k")
	receipts, _ := lease(t, l, Ask{})
	say := func(percent int) {
		statuses, err := l.Settle(t.Context(), "demo", []Settlement{{Receipt: receipts[0], Outcome: Extend, Progress: percent}})
		require.NoError(t, err)
		require.Equal(t, []Status{OK}, statuses)
	}
	for _, percent := range []int{0, 4} {
		say(percent)
		require.Empty(t, o.Progress(), percent)
	}
	say(10)
	say(30) // Nobody heard of 10.
	require.Equal(t, 30, <-o.Progress())
	for _, percent := range []int{30, 20, 34} {
		say(percent)
		require.Empty(t, o.Progress(), percent)
	}
	say(98)
	require.Equal(t, 98, <-o.Progress())
	say(100)
	require.Equal(t, 100, <-o.Progress())
}

func TestLeaseEndsInSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newTestLedger()
		o := l.offer("e", "k")
		receipts, _ := lease(t, l, Ask{Lease: MinLease})
		time.Sleep(MinLease - time.Second) //nolint:forbidigo // In the bubble it passes at once.
		require.Equal(t, OK, settleOne(t, l, "demo", receipts[0], Extend))
		time.Sleep(MinLease - time.Second) //nolint:forbidigo // In the bubble it passes at once.
		synctest.Wait()
		require.Empty(t, o.ended, "it was extended")
		time.Sleep(2 * time.Second) //nolint:forbidigo // In the bubble it passes at once.
		require.Equal(t, Silence, (<-o.Ended()).Outcome)
		require.Equal(t, Lost, settleOne(t, l, "demo", receipts[0], Ack), "the receipt is stale")
		_, ids := lease(t, l, Ask{})
		require.Empty(t, ids, "it is not lent before its offer is done")
		o.Done(Lost)
		l.offer("other", "x")
		l.Offer(o.delivery, true, always)
		again, ids := lease(t, l, Ask{Max: 1})
		require.Equal(t, []string{"e"}, ids, "it goes first")
		require.NotEqual(t, receipts, again)
	})
}

func TestTypesOfAReceive(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]bool{
		"telegram.message": true, "telegram.*": true, "*": true, "*message": true, "t*m*ge": true, "telegram": false,
		"*.edited": false, "telegram.message.*": false, "m*": false, "*mess*mess*": false,
	} {
		require.Equal(t, want, Types{pattern}.Match("telegram.message"), pattern)
		require.NoError(t, Types{pattern}.Check())
	}
	for _, bad := range []Types{{""}, {"*****"}, {"a\x00"}, make(Types, MaxTypes+1)} {
		require.Error(t, bad.Check())
	}
	l := newTestLedger()
	l.offer("e", "k")
	_, ids := lease(t, l, Ask{Types: Types{"github.*"}})
	require.Empty(t, ids)
	_, ids = lease(t, l, Ask{Types: Types{"github.*", "telegram.*"}})
	require.Equal(t, []string{"e"}, ids)
}

func TestBoundsOfWhatIsLent(t *testing.T) {
	t.Parallel()
	l := newTestLedger()
	for n := range maxLeased + 10 {
		l.offer(fmt.Sprint("e", n), fmt.Sprint("k", n))
	}
	_, ids := lease(t, l, Ask{})
	require.Len(t, ids, maxLeased)
	_, ids = lease(t, l, Ask{})
	require.Empty(t, ids)

	l = newTestLedger()
	for n := range 10 {
		d := newDelivery(fmt.Sprint("e", n), fmt.Sprint("k", n))
		d.Event.Data = make([]byte, 12<<20)
		l.Offer(d, false, always)
	}
	all := 0
	for {
		offers, err := l.lend("demo", Ask{Max: MaxEvents, Lease: DefaultLease})
		require.NoError(t, err)
		if len(offers) == 0 {
			break
		}
		require.Len(t, offers, 1, "one answer has one body of that size")
		all++
	}
	require.Equal(t, maxLeasedBytes/(12<<20), all)
}

func TestAwaitTakesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newTestLedger()
		ready := make(chan error, 2)
		for range 2 {
			go func() { ready <- l.Await(t.Context(), "demo", nil) }()
		}
		synctest.Wait()
		require.Empty(t, ready)
		shut := l.Offer(newDelivery("shut", "s"), false, func() bool { return false })
		synctest.Wait()
		require.Empty(t, ready, "nothing may be lent while the queue takes no outcomes")
		require.True(t, shut.Withdraw())
		shut.Done(Lost)
		o := l.offer("e", "k")
		require.NoError(t, <-ready)
		require.NoError(t, <-ready)
		require.True(t, o.Withdraw())
		require.False(t, o.Withdraw())
		_, ids := lease(t, l, Ask{})
		require.Empty(t, ids)

		over, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, l.Await(over, "demo", nil), context.DeadlineExceeded)
		require.ErrorIs(t, l.Await(t.Context(), "nobody", nil), ErrUnknownBot)
		require.ErrorIs(t, l.Await(t.Context(), "pushed", nil), ErrPushed)
	})
}

func TestAbsence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newTestLedger()
		require.False(t, l.IsAbsent("demo"), "it has just come")
		time.Sleep(time.Hour) //nolint:forbidigo // In the bubble it passes at once.
		require.True(t, l.IsAbsent("demo"))
		require.Equal(t, map[string]Use{"demo": {Absent: time.Hour}, "other": {Absent: time.Hour}}, l.Uses())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Await(ctx, "demo", nil) }()
		time.Sleep(time.Minute) //nolint:forbidigo // In the bubble it passes at once.
		require.False(t, l.IsAbsent("demo"), "somebody waits")
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		l.offer("e", "k")
		lease(t, l, Ask{Lease: MaxLease})
		time.Sleep(time.Minute) //nolint:forbidigo // In the bubble it passes at once.
		require.Equal(t, Use{Lent: 1}, l.Uses()["demo"], "somebody works")
	})
}

func TestBotsThatChange(t *testing.T) {
	t.Parallel()
	l := newTestLedger()
	o := l.offer("e", "k")
	receipts, _ := lease(t, l, Ask{})
	l.SetBots(map[string]bool{"demo": false, "late": true})
	_, err := l.Lease(t.Context(), "demo", Ask{Max: 1})
	require.ErrorIs(t, err, ErrPushed)
	_, err = l.Lease(t.Context(), "other", Ask{Max: 1})
	require.ErrorIs(t, err, ErrUnknownBot)
	go func() { <-o.Ended(); o.Done(OK) }()
	require.Equal(t, OK, settleOne(t, l, "demo", receipts[0], Ack), "what is lent stays so")
	l.SetBots(map[string]bool{"demo": false})
	require.Empty(t, l.lines)
}
