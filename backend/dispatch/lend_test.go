package dispatch

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// poller asks for the events of the bot demo, which pulls.
type poller struct {
	t *testing.T
	d *Dispatcher
	q *fakeQueue
}

// newPoller runs a dispatcher whose bot demo pulls; stop ends it.
func newPoller(t *testing.T, change ...func(*bots.Bot)) (p poller, stop func() error) {
	t.Helper()
	return newPollerOf(t, newFakeQueue(), change...)
}

// newPollerOf does so with a queue.
func newPollerOf(t *testing.T, q *fakeQueue, change ...func(*bots.Bot)) (p poller, stop func() error) {
	t.Helper()
	b := bots.Bot{Name: "demo", Pull: true, MaxAttempts: 3, MinBackoff: time.Second, MaxBackoff: time.Second}
	for _, f := range change {
		f(&b)
	}
	d, err := New(Config{Queue: q, Bots: bots.Set{"demo": b}})
	require.NoError(t, err)
	return poller{t, d, q}, running(t, d)
}

// lease waits for an event and returns its receipt and its attempt.
func (p poller) lease() (receipt string, attempt int) {
	p.t.Helper()
	require.NoError(p.t, p.d.cfg.Ledger.Await(p.t.Context(), "demo", nil))
	items, err := p.d.cfg.Ledger.Lease(p.t.Context(), "demo", pull.Ask{Max: 1, Lease: pull.MinLease})
	require.NoError(p.t, err)
	require.Len(p.t, items, 1)
	var got struct {
		Receipt string
		Attempt int
	}
	require.NoError(p.t, json.Unmarshal(items[0], &got))
	return got.Receipt, got.Attempt
}

func (p poller) settle(s pull.Settlement) pull.Status {
	p.t.Helper()
	statuses, err := p.d.cfg.Ledger.Settle(p.t.Context(), "demo", []pull.Settlement{s})
	require.NoError(p.t, err)
	return statuses[0]
}

// nothing demands that nothing waits to be lent.
func (p poller) nothing() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Second)
	defer cancel()
	require.ErrorIs(p.t, p.d.cfg.Ledger.Await(ctx, "demo", nil), context.DeadlineExceeded)
}

// lastChange is what was told last.
func (p poller) lastChange() event.Change {
	p.t.Helper()
	told := p.q.told()
	require.NotEmpty(p.t, told)
	return told[len(told)-1]
}

// TestOutcomesOfLeases: what a poller says is what a bot's answer is.
func TestOutcomesOfLeases(t *testing.T) {
	t.Parallel()
	zero, long := time.Duration(0), 30*time.Hour
	said := event.NewAnswer("text/plain", "", []byte("busy"), event.MaxRefusal, false)
	for name, c := range map[string]struct {
		said    pull.Settlement
		attempt int
		keep    bots.KeepAnswers
		how     string
		status  event.Status
		reason  string
		delay   time.Duration
		answer  bool
	}{
		"ack":             {said: pull.Settlement{Outcome: pull.Ack}, how: "ack", status: event.StatusDelivered},
		"ack, answer off": {said: pull.Settlement{Outcome: pull.Ack, Answer: said}, how: "ack", status: event.StatusDelivered},
		"ack, answers all": {
			said: pull.Settlement{Outcome: pull.Ack, Answer: said}, keep: bots.KeepAll, how: "ack", status: event.StatusDelivered, answer: true,
		},
		"retry at once": {
			said: pull.Settlement{Outcome: pull.Retry, After: &zero, Answer: said}, keep: bots.KeepFailed, how: "retry", status: event.StatusFailed,
			reason: "its worker asked for another attempt", answer: true,
		},
		"retry, bounded": {
			said: pull.Settlement{Outcome: pull.Retry, After: &long}, how: "retry", status: event.StatusFailed,
			reason: "its worker asked for another attempt", delay: time.Hour,
		},
		"the last retry": {
			said: pull.Settlement{Outcome: pull.Retry}, attempt: 3, how: "dead", status: event.StatusDead,
			reason: "out of attempts: its worker asked for another attempt",
		},
		"dead": {
			said: pull.Settlement{Outcome: pull.Dead}, how: "dead", status: event.StatusDead, reason: "refused for good: its worker said so",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, stop := newPoller(t, func(b *bots.Bot) { b.KeepAnswers = c.keep })
			p.q.put(max(1, c.attempt), newEvent("e"))
			c.said.Receipt, _ = p.lease()
			require.Equal(t, pull.OK, p.settle(c.said))
			settled := p.q.next(t)
			require.Equal(t, c.how, settled.how)
			require.Equal(t, c.delay, settled.delay)
			require.Equal(t, 1, settled.told, "the change goes first")
			change := p.lastChange()
			require.Equal(t, c.status, change.Status)
			require.Equal(t, c.reason, change.Error)
			require.Equal(t, c.answer, change.Answer != nil)
			require.NoError(t, stop())
		})
	}
}

// TestPoisonOfWorkers: a lease that ends in silence costs nothing, three of them an attempt.
func TestProgressIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, stop := newPoller(t)
		for attempt := 1; attempt <= maxToldAttempts+1; attempt++ {
			p.q.put(attempt, &event.Event{ID: "e", Bot: "demo", Type: "command", Time: time.Now()})
			receipt, _ := p.lease()
			require.Equal(t, pull.OK, p.settle(pull.Settlement{Receipt: receipt, Outcome: pull.Extend, Progress: 40}))
			synctest.Wait()
			require.Equal(t, pull.OK, p.settle(pull.Settlement{Receipt: receipt, Outcome: pull.Ack}))
		}
		require.NoError(t, stop())
		var told []event.Change
		for _, c := range p.q.told() {
			if c.Status == event.StatusProgress {
				told = append(told, c)
			}
		}
		require.Len(t, told, maxToldAttempts, "the number of attempts has no bound")
		require.Equal(t, []int{1, 40}, []int{told[0].Attempt, told[0].Percent})
	})
}

func TestPoisonOfWorkers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, stop := newPoller(t)
		p.q.put(1, newEvent("e"))
		for attempt := range 3 {
			for range maxSilences {
				require.Empty(t, p.q.settled)
				receipt, got := p.lease()
				require.Equal(t, attempt+1, got)
				time.Sleep(pull.MinLease) //nolint:forbidigo // In the bubble it passes at once.
				synctest.Wait()
				require.Equal(t, pull.Lost, p.settle(pull.Settlement{Receipt: receipt, Outcome: pull.Ack}))
			}
			require.Equal(t, []string{"retry", "retry", "dead"}[attempt], p.q.next(t).how)
		}
		require.Equal(t, "out of attempts: 3 workers in a row had it and said nothing", p.lastChange().Error)
		require.NoError(t, stop())
	})
}

// TestAbsentBot: what nobody asks for waits for as long as it takes, untried, or until it expires.
func TestAbsentBot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, stop := newPoller(t, func(b *bots.Bot) { b.GiveUpAfter, b.MaxAttempts = time.Hour, 0 })
		p.q.put(1, newEvent("e"))
		time.Sleep(1000 * time.Hour) //nolint:forbidigo // In the bubble it passes at once.
		require.Empty(t, p.q.settled)
		require.Equal(t, 1000*time.Hour, p.d.cfg.Ledger.Uses()["demo"].Absent)
		receipt, attempt := p.lease()
		require.Equal(t, 1, attempt)
		require.Equal(t, pull.OK, p.settle(pull.Settlement{Receipt: receipt, Outcome: pull.Retry}))
		require.Equal(t, "retry", p.q.next(t).how, "give_up_after begins with the first attempt")
		time.Sleep(2 * time.Hour) //nolint:forbidigo // In the bubble it passes at once.
		receipt, _ = p.lease()
		require.Equal(t, pull.OK, p.settle(pull.Settlement{Receipt: receipt, Outcome: pull.Retry}))
		require.Equal(t, "dead", p.q.next(t).how)
		require.NoError(t, stop())

		p, stop = newPoller(t, func(b *bots.Bot) { b.ExpireAfter = time.Hour })
		p.q.put(1, newEvent("e"))
		time.Sleep(time.Hour + time.Second) //nolint:forbidigo // In the bubble it passes at once.
		require.Equal(t, "ack", p.q.next(t).how)
		require.Equal(t, event.StatusExpired, p.lastChange().Status, "nobody had to come for that")
		require.NoError(t, stop())
	})
}

// TestPausedAndGivenUp: what stands in the line goes by what somebody asks for.
func TestPausedAndGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, stop := newPoller(t)
		set := p.d.fleet.Load().bots
		p.q.put(1, newEvent("e"))
		synctest.Wait()
		require.NoError(t, p.d.SetBots(paused(set, "demo", true)))
		synctest.Wait()
		p.nothing()
		require.NoError(t, p.d.SetBots(paused(set, "demo", false)))
		receipt, _ := p.lease()
		require.Equal(t, pull.OK, p.settle(pull.Settlement{Receipt: receipt, Outcome: pull.Release}))
		require.Empty(t, p.q.settled, "nobody got it")
		p.d.holds.giveUp("demo", "e")
		require.Equal(t, "dead", p.q.next(t).how)
		require.Equal(t, "given up on request", p.lastChange().Error)
		require.NoError(t, stop())
	})
}

// TestBotBeginsToPull, and to be sent to: what waits goes the new way.
func TestBotBeginsToPull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, stop := newPoller(t)
		p.d.clients.public = roundTrip(func(*http.Request) (int, error) { return http.StatusNoContent, nil })
		pulls := p.d.fleet.Load().bots
		pushed := bots.Set{"demo": {Name: "demo", URL: "http://demo", Secrets: []string{secretOf("one")}}}
		p.q.put(1, newEvent("e"))
		synctest.Wait()
		require.NoError(t, p.d.SetBots(pushed))
		require.Equal(t, "postpone", p.q.next(t).how)
		require.Equal(t, "ack", p.q.next(t).how)

		require.NoError(t, p.d.SetBots(paused(pushed, "demo", true)))
		p.q.put(1, newEvent("f"))
		synctest.Wait()
		require.NoError(t, p.d.SetBots(pulls))
		require.Equal(t, "postpone", p.q.next(t).how)
		receipt, _ := p.lease()
		require.Equal(t, pull.OK, p.settle(pull.Settlement{Receipt: receipt, Outcome: pull.Ack}))
		require.NoError(t, stop())
	})
}

// TestRecalledWhileItWaits: it goes to the process that is to have it; what a poller has is ended here.
func TestRecalledWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, stop := newPoller(t)
		recalled, recall := context.WithCancel(t.Context())
		p.q.keeps = true
		p.q.deliveries <- &queue.Delivery{Event: newEvent("lent"), Attempt: 1, Recalled: recalled}
		receipt, _ := p.lease()
		p.q.deliveries <- &queue.Delivery{Event: newEvent("waits"), Attempt: 1, Recalled: recalled}
		synctest.Wait()
		recall()
		require.Equal(t, []any{"postpone", "waits"}, func() []any { s := p.q.next(t); return []any{s.how, s.id} }())
		require.Equal(t, pull.OK, p.settle(pull.Settlement{Receipt: receipt, Outcome: pull.Ack}))
		require.Equal(t, "ack", p.q.next(t).how)
		require.NoError(t, stop())
	})
}

// TestDrainWaitsForPollers: a stop lets them settle what they have, and lends nothing more.
func TestDrainWaitsForPollers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, stop := newPoller(t)
		p.q.put(1, newEvent("lent"))
		receipt, _ := p.lease()
		waits := newEvent("waits")
		waits.OrderKey = "other"
		p.q.put(1, waits)
		drained := make(chan struct{})
		go func() {
			p.d.Drain(t.Context())
			close(drained)
		}()
		synctest.Wait()
		p.nothing()
		require.Equal(t, pull.OK, p.settle(pull.Settlement{Receipt: receipt, Outcome: pull.Ack}))
		<-drained
		require.NoError(t, stop())
		require.Equal(t, pull.Lost, p.settle(pull.Settlement{Receipt: "x", Outcome: pull.Ack}))
		require.Len(t, p.q.settled, 1, "what waits is in the queue")
	})
}

// TestLostLease: the queue took the event back while a poller had it.
func TestLostLease(t *testing.T) {
	t.Parallel()
	q := newFakeQueue()
	q.refuse = func(operation string) error {
		if operation == "ack" {
			return queue.ErrLost
		}
		return nil
	}
	p, stop := newPollerOf(t, q)
	p.q.put(1, newEvent("e"))
	receipt, _ := p.lease()
	require.Equal(t, pull.Lost, p.settle(pull.Settlement{Receipt: receipt, Outcome: pull.Ack}))
	require.NoError(t, stop())
}
