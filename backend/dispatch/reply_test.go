package dispatch

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// gateway is who waits for the answers of a fake queue.
type gateway struct {
	mu     sync.Mutex
	offers []*event.Answer // Nil for that there is none.
	takes  bool
}

func (g *gateway) answer(_ context.Context, _ *queue.Delivery, a *event.Answer) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.offers = append(g.offers, a)
	return a != nil && g.takes
}

func (g *gateway) offered() []*event.Answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]*event.Answer(nil), g.offers...)
}

func forPlatforms(_ *Config, b *bots.Bot) { b.Answers = bots.AnswersPlatform }

func awaited(id string) *event.Event {
	e := newEvent(id)
	e.ReplyBy = time.Now().Add(time.Minute).UTC()
	return e
}

func TestAnswersGoBack(t *testing.T) {
	t.Parallel()
	whole := strings.Repeat("x", event.MaxAnswer)
	for name, tc := range map[string]struct {
		status   int
		header   http.Header
		body     string
		takes    bool
		offered  *event.Answer
		answered event.Answered
	}{
		"in time":    {200, nil, `{"type":4}`, true, &event.Answer{ContentType: "text/plain", Body: []byte(`{"type":4}`)}, event.AnsweredInTime},
		"missed":     {201, nil, `{"type":4}`, false, &event.Answer{ContentType: "text/plain", Body: []byte(`{"type":4}`)}, event.AnsweredMissed},
		"nothing":    {204, nil, "", true, nil, ""},
		"empty":      {200, nil, "", true, nil, ""},
		"largest":    {200, nil, whole, true, &event.Answer{ContentType: "text/plain", Body: []byte(whole)}, event.AnsweredInTime},
		"too large":  {200, nil, whole + "x", true, nil, event.AnsweredUnfit},
		"compressed": {200, http.Header{"Content-Encoding": {"gzip"}}, "x", true, nil, event.AnsweredUnfit},
		"refused":    {422, nil, "x", true, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, g := newFakeQueue(), &gateway{takes: tc.takes}
			q.answer = g.answer
			replyBy := make(chan string, 1)
			start(t, q, bot(t, func(w http.ResponseWriter, r *http.Request) {
				replyBy <- r.Header.Get("Botgate-Reply-By")
				w.Header().Set("Content-Type", "text/plain")
				maps.Copy(w.Header(), tc.header)
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}), forPlatforms)
			e := awaited("e")
			q.put(1, e)
			by, err := time.Parse(time.RFC3339, <-replyBy)
			require.NoError(t, err)
			q.next(t)
			require.WithinDuration(t, time.Now().Add(time.Minute), by, 30*time.Second)
			require.Equal(t, []*event.Answer{tc.offered}, g.offered())
			require.Equal(t, tc.answered, q.told()[0].Answered)
			require.Nil(t, q.told()[0].Answer, "it is not kept")
		})
	}
}

func TestAnswersStayWhereNobodyWants(t *testing.T) {
	t.Parallel()
	late := newEvent("long over")
	late.ReplyBy = time.Now().Add(-time.Hour).UTC()
	for name, tc := range map[string]struct {
		delivery queue.Delivery
		header   bool
		answered event.Answered
	}{
		"nobody waits": {queue.Delivery{Event: newEvent("e"), Attempt: 1}, false, ""},
		"long over":    {queue.Delivery{Event: late, Attempt: 1}, true, event.AnsweredMissed},
		"replay":       {queue.Delivery{Event: awaited("e"), Attempt: 1, Replays: 1}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, g := newFakeQueue(), &gateway{takes: true}
			q.answer = g.answer
			header := make(chan []string, 1)
			start(t, q, bot(t, func(w http.ResponseWriter, r *http.Request) {
				header <- r.Header.Values("Botgate-Reply-By")
				_, _ = io.WriteString(w, "x")
			}), forPlatforms)
			q.deliveries <- &tc.delivery
			require.Equal(t, tc.header, len(<-header) > 0)
			q.next(t)
			require.Empty(t, g.offered())
			require.Equal(t, tc.answered, q.told()[0].Answered)
		})
	}
}

// TestBotThatAnswersNobody has a gateway whose bots file is not the same yet wait for a bot whose answers are for nobody.
func TestBotThatAnswersNobody(t *testing.T) {
	t.Parallel()
	q, g := newFakeQueue(), &gateway{takes: true}
	q.answer = g.answer
	start(t, q, bot(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Botgate-Reply-By") == "" {
			_, _ = io.WriteString(w, `{"ok":true}`)
		}
	}))
	q.put(1, awaited("e"))
	q.next(t)
	require.Equal(t, []*event.Answer{nil}, g.offered())
	require.Empty(t, q.told()[0].Answered)
}

// TestWaitEndsWhereTheBotIsNotAskedInTime goes through what keeps an event from its bot.
func TestWaitEndsWhereTheBotIsNotAskedInTime(t *testing.T) {
	t.Parallel()
	nothing := func(*event.Event) {}
	for name, tc := range map[string]struct {
		event func(*event.Event)
		bot   func(*Config, *bots.Bot)
	}{
		"paused":      {nothing, func(_ *Config, b *bots.Bot) { b.Paused = true }},
		"deferred":    {func(e *event.Event) { e.NotBefore = time.Now().Add(time.Hour) }, forPlatforms},
		"expired":     {func(e *event.Event) { e.Time = time.Now().Add(-time.Hour) }, func(_ *Config, b *bots.Bot) { b.ExpireAfter = time.Minute }},
		"unknown bot": {func(e *event.Event) { e.Bot, e.ReplyBy = "nobody", time.Now().Add(unknownPause) }, forPlatforms},
		"long pause":  {nothing, forPlatforms},
		"dead":        {nothing, func(_ *Config, b *bots.Bot) { b.MaxAttempts = 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, told := newFakeQueue(), make(chan *event.Answer, 1)
			q.keeps = true
			q.answer = func(_ context.Context, _ *queue.Delivery, a *event.Answer) bool {
				told <- a
				return false
			}
			start(t, q, answering(t, http.StatusServiceUnavailable, "Retry-After", "3600"), forPlatforms, tc.bot)
			e := newEvent(name)
			e.ReplyBy = time.Now().Add(30 * time.Minute).UTC()
			tc.event(e)
			q.put(1, e)
			select {
			case a := <-told:
				require.Nil(t, a)
			case <-time.After(time.Minute):
				require.FailNow(t, "the gateway waits to the end")
			}
		})
	}
}

// TestBotThatComesBackInTime has the second attempt answer.
func TestBotThatComesBackInTime(t *testing.T) {
	t.Parallel()
	q, g := newFakeQueue(), &gateway{takes: true}
	q.answer = g.answer
	var once sync.Once
	start(t, q, bot(t, func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusOK
		once.Do(func() { status = http.StatusServiceUnavailable })
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "x")
	}), forPlatforms)
	q.put(1, awaited("e"))
	require.Equal(t, "retry", q.next(t).how)
	require.Equal(t, "ack", q.next(t).how)
	require.Len(t, g.offered(), 1)
	require.Equal(t, event.AnsweredInTime, q.told()[1].Answered)
}

func TestPollersAnswerGoesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, g := newFakeQueue(), &gateway{takes: true}
		q.answer = g.answer
		p, stop := newPollerOf(t, q, func(b *bots.Bot) { b.Answers = bots.AnswersPlatform })
		e := awaited("e")
		q.put(1, e)
		require.NoError(t, p.d.cfg.Ledger.Await(t.Context(), "demo", nil))
		items, err := p.d.cfg.Ledger.Lease(t.Context(), "demo", pull.Ask{Max: 1, Lease: pull.MinLease})
		require.NoError(t, err)
		var got struct {
			Receipt string
			ReplyBy time.Time `json:"reply_by"`
		}
		require.NoError(t, json.Unmarshal(items[0], &got))
		require.Equal(t, e.ReplyBy.Truncate(time.Millisecond), got.ReplyBy)
		answer := &event.Answer{ContentType: "text/plain", Body: []byte("done")}
		require.Equal(t, pull.OK, p.settle(pull.Settlement{Receipt: got.Receipt, Outcome: pull.Ack, Answer: answer}))
		require.Equal(t, []*event.Answer{answer}, g.offered())
		require.Equal(t, event.AnsweredInTime, p.lastChange().Answered)
		require.NoError(t, stop())
	})
}

func TestNobodyPollsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, g := newFakeQueue(), &gateway{takes: true}
		q.answer = g.answer
		_, stop := newPollerOf(t, q, func(b *bots.Bot) { b.Answers = bots.AnswersPlatform })
		time.Sleep(time.Hour) //nolint:forbidigo // In the bubble it passes at once.
		q.put(1, awaited("e"))
		synctest.Wait()
		require.Equal(t, []*event.Answer{nil}, g.offered())
		require.NoError(t, stop())
	})
}
