package dispatch

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// with is the set with one bot changed.
func with(set bots.Set, name string, change func(*bots.Bot)) bots.Set {
	changed := maps.Clone(set)
	b := changed[name]
	change(&b)
	changed[name] = b
	return changed
}

// until waits for a delivery to be settled in a way. The fake queue hands out again at once what is not done.
func (q *fakeQueue) until(t *testing.T, how string) settled {
	t.Helper()
	for {
		if s := q.next(t); s.how == how {
			return s
		}
	}
}

// TestChangedBotTakesEffectForTheNextAttempt moves a bot that is down: events that wait for it go to where it is now.
func TestChangedBotTakesEffectForTheNextAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue()
		var mu sync.Mutex
		var signatures []string
		d := newWithout(t, q, func(r *http.Request) (int, error) {
			if r.URL.Host != "moved" {
				return 0, errors.New("connection refused")
			}
			mu.Lock()
			defer mu.Unlock()
			signatures = append(signatures, r.Header.Get("webhook-signature"))
			return http.StatusOK, nil
		})
		set := with(d.cfg.Bots, "demo", func(b *bots.Bot) { b.MaxAttempts, b.MinBackoff, b.MaxBackoff = 0, time.Hour, time.Hour })
		require.NoError(t, d.SetBots(set))
		stop := running(t, d)
		for range openAfter {
			q.put(1, newEvent("down"))
			require.Equal(t, "retry", q.next(t).how)
		}
		d.retryNow("demo")
		synctest.Wait()
		require.NoError(t, d.SetBots(with(set, "demo", func(b *bots.Bot) {
			b.URL, b.Secrets = "http://moved", append(b.Secrets, secretOf("two"))
		})))
		for range openAfter {
			q.until(t, "ack")
		}
		require.Len(t, strings.Fields(signatures[0]), 2, "a signature of each secret")
		require.Len(t, q.adjusted, 2, "the consumer follows: at its start, and now")
		require.NoError(t, stop())
	})
}

func TestAddedAndRemovedBots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue()
		q.keeps = true
		answer := make(chan struct{})
		d := newWithout(t, q, func(r *http.Request) (int, error) {
			if r.URL.Host == "demo" {
				<-answer
			}
			return http.StatusOK, nil
		})
		stop := running(t, d)
		of := func(bot, id string) *event.Event { e := newEvent(id); e.Bot = bot; return e }
		q.put(1, newEvent("under way"))
		synctest.Wait() // The bot has it.
		q.put(1, of("added", "early"))
		early := q.next(t)
		require.Equal(t, settled{how: "postpone", id: "early", attempt: 1, delay: unknownPause}, early, "nobody knows it yet")
		both := with(d.cfg.Bots, "added", func(b *bots.Bot) { *b = bots.Bot{Name: "added", URL: "http://added", Secrets: []string{secretOf("x")}} })
		require.NoError(t, d.SetBots(both))
		require.Equal(t, 16, d.target("demo").gate.breaker.share, "it is not the only one any more")
		q.put(1, of("added", "early"))
		require.Equal(t, "early", q.until(t, "ack").id)
		require.NoError(t, d.SetBots(bots.Set{"added": both["added"]}))
		q.put(1, of("demo", "waits"))
		require.Equal(t, "waits", q.until(t, "postpone").id)
		close(answer)
		require.Equal(t, "under way", q.until(t, "ack").id, "it ends as it began")
		require.ErrorContains(t, d.SetBots(with(both, "demo", func(b *bots.Bot) { b.Secrets = nil })), `bot "demo"`)
		require.Nil(t, d.target("demo"), "what is refused changes nothing")
		require.Equal(t, []queue.Bots{{"demo": 1}, {"demo": 1, "added": 1}, {"added": 1}}, q.adjusted)
		require.NoError(t, stop())
	})
}

// TestRemovedBotThatIsDown gives back what waits for a bot that is there no more.
func TestRemovedBotThatIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue()
		q.keeps = true
		d := newWithout(t, q, func(r *http.Request) (int, error) { return 0, context.DeadlineExceeded }, "other")
		d.slots.mu.Lock()
		d.target("demo").gate.breaker.open(time.Hour, time.Now())
		d.slots.mu.Unlock()
		stop := running(t, d)
		q.put(1, newEvent("waits"))
		synctest.Wait()
		require.Empty(t, q.settled)
		require.NoError(t, d.SetBots(bots.Set{"other": d.cfg.Bots["other"]}))
		require.Equal(t, "waits", q.until(t, "postpone").id)
		require.NoError(t, stop())
	})
}

func TestResizedBreaker(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ before, want breaker }{
		"closed":       {breaker{share: 64, step: 64}, breaker{share: 16, step: 16}},
		"open":         {breaker{share: 64}, breaker{share: 16}},
		"coming back":  {breaker{share: 64, step: 4}, breaker{share: 16, step: 4}},
		"almost there": {breaker{share: 64, step: 32}, breaker{share: 16, step: 16}},
	} {
		tc.before.resize(16)
		require.Equal(t, tc.want, tc.before, name)
	}
}
