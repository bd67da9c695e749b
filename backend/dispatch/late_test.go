package dispatch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

func TestLateAnswersAreSent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		statuses []int
		header   http.Header
		age      time.Duration
		retries  int
		least    time.Duration // Of the delay before the first retry.
		answered event.Answered
		reason   string
	}{
		"at once":             {statuses: []int{200}, answered: event.AnsweredSent},
		"created":             {statuses: []int{201}, answered: event.AnsweredSent},
		"over a limit":        {statuses: []int{429, 200}, header: http.Header{"Retry-After": {"70"}}, retries: 1, least: 70 * time.Second, answered: event.AnsweredSent},
		"failing":             {statuses: []int{500, 503, 502, 200}, retries: 3, least: lateBackoff.Min / 2, answered: event.AnsweredSent},
		"closing":             {statuses: []int{0, 0, 200}, retries: 2, answered: event.AnsweredSent},
		"refused":             {statuses: []int{404}, answered: event.AnsweredUnsent, reason: "the platform answered 404"},
		"redirected":          {statuses: []int{302}, header: http.Header{"Location": {"/elsewhere"}}, answered: event.AnsweredUnsent, reason: "the platform answered 302"},
		"over it for long":    {statuses: []int{429}, header: http.Header{"Retry-After": {"900"}}, answered: event.AnsweredUnsent, reason: "out of time: the platform answered 429"},
		"failing to the end":  {statuses: []int{503}, age: 15*time.Minute - 500*time.Millisecond, answered: event.AnsweredUnsent, reason: "out of time"},
		"of a late bot's own": {age: 16 * time.Minute, answered: event.AnsweredMissed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, p := newFakeQueue(), &latePlatform{statuses: tc.statuses, header: tc.header}
			logged := startLate(t, q, p)
			e := interaction("e")
			e.Time = e.Time.Add(-tc.age)
			q.put(1, e)
			if tc.answered == event.AnsweredMissed {
				require.Equal(t, "ack", q.next(t).how)
				require.Equal(t, event.AnsweredMissed, q.told()[0].Answered)
				require.Empty(t, p.requests())
				return
			}
			var hows []settled
			for range 2 + tc.retries {
				hows = append(hows, q.next(t))
			}
			for _, s := range hows {
				if s.how == "retry" && s.attempt == 1 {
					require.GreaterOrEqual(t, s.delay, tc.least)
				}
			}
			requireLate(t, q.told(), tc.answered, tc.reason)
			if name != "failing to the end" { // The time may be over before it is tried.
				require.Len(t, p.requests(), tc.retries+1)
			}
			for _, r := range p.requests() {
				require.Equal(t, posted{
					http.MethodPatch, "/api/v10/webhooks/12/" + lateToken + "/messages/@original", "application/json",
					"DiscordBot (https://github.com/botgate/botgate, 1)", `{"content":"hi"}`,
				}, r)
			}
			require.NotContains(t, logged.String(), lateToken)
			require.Equal(t, tc.answered == event.AnsweredUnsent, strings.Contains(logged.String(), "late answers of a bot did not get to their platform"))
		})
	}
}

// requireLate demands that one change says that the answer was late, and one what became of it.
func requireLate(t *testing.T, told []event.Change, answered event.Answered, reason string) {
	t.Helper()
	require.Len(t, told, 2)
	for _, c := range told {
		require.Equal(t, "e", c.EventID)
		require.NotContains(t, c.Error, lateToken)
		switch c.Status {
		case event.StatusDelivered:
			require.Equal(t, event.AnsweredLate, c.Answered)
		default:
			require.Equal(t, event.StatusAnswered, c.Status)
			require.Equal(t, answered, c.Answered)
			require.Contains(t, c.Error, reason)
			require.Equal(t, 1, c.Attempt)
		}
	}
}

// TestLateAnswerIsSafeBeforeItsEventIsSettled has the queue refuse the answer until the dispatcher ends.
func TestLateAnswerIsSafeBeforeItsEventIsSettled(t *testing.T) {
	t.Parallel()
	q, refused := newFakeQueue(), make(chan struct{}, 100)
	q.refuse = func(operation string) error {
		if operation == "publish-to" {
			refused <- struct{}{}
			return queue.ErrUnavailable
		}
		return nil
	}
	d, err := New(Config{Queue: q, Bots: bots.Set{"demo": {
		Name: "demo", URL: bot(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"type":4,"data":{}}`)
		}), AllowPrivate: true, Secrets: []string{secretOf("one")}, Answers: bots.AnswersPlatform, Timeout: time.Second,
	}}})
	require.NoError(t, err)
	d.poster.base = "http://127.0.0.1:1"
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	e := interaction("e")
	q.put(1, e)
	<-refused
	cancel()
	require.NoError(t, <-done)
	require.Empty(t, q.told())
	require.Empty(t, q.settled, "the event stays in the queue")
}

// TestLateAnswersOfABotThatIsPaused are sent, and none waits behind its events.
func TestLateAnswersOfABotThatIsPaused(t *testing.T) {
	t.Parallel()
	q, p := newFakeQueue(), &latePlatform{statuses: []int{200}}
	startLate(t, q, p, func(_ *Config, b *bots.Bot) { b.Paused = true })
	said := &event.Answer{ContentType: "application/json", Body: []byte(`{"type":4,"data":{"content":"hi"}}`)}
	q.put(1, newEvent("waits"))
	late, answered := lateAnswer(&queue.Delivery{Event: interaction("e"), Attempt: 1}, said, time.Now())
	require.Equal(t, event.AnsweredLate, answered)
	q.put(1, late)
	require.Equal(t, late.ID, q.next(t).id)
	require.Len(t, p.requests(), 1)
	require.Equal(t, event.AnsweredSent, q.told()[0].Answered)
}

// TestLateAnswersThatAreGivenUp goes through those that are not tried.
func TestLateAnswersThatAreGivenUp(t *testing.T) {
	t.Parallel()
	said := &event.Answer{ContentType: "application/json", Body: []byte(`{"type":4,"data":{}}`)}
	for name, tc := range map[string]struct {
		change func(*queue.Delivery)
		reason string
	}{
		"bot that is gone": {func(d *queue.Delivery) { d.Event.Bot = event.LateAnswersOf("gone") }, "not in the bots file"},
		"poison":           {func(d *queue.Delivery) { d.Crashes = queue.CrashLimit }, "delivery limit"},
		"another host": {func(d *queue.Delivery) {
			d.Event.Data = bytes.Replace(d.Event.Data, []byte(`"host":"discord.com"`), []byte(`"host":"evil.example"`), 1)
		}, "the platform was not reached"},
		"no path": {func(d *queue.Delivery) {
			d.Event.Data = bytes.Replace(d.Event.Data, []byte("/api/v10"), []byte("@evil.example"), 1)
		}, "the platform was not reached"},
		"unreadable": {func(d *queue.Delivery) { d.Event.Data = nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, p := newFakeQueue(), &latePlatform{statuses: []int{200}}
			logged := startLate(t, q, p)
			late, _ := lateAnswer(&queue.Delivery{Event: interaction("e"), Attempt: 1}, said, time.Now())
			d := &queue.Delivery{Event: late, Attempt: 1}
			tc.change(d)
			q.deliveries <- d
			require.Equal(t, "ack", q.next(t).how)
			require.Empty(t, p.requests())
			require.Contains(t, logged.String(), "late answers of a bot did not get to their platform")
			if tc.reason != "" {
				require.Equal(t, event.AnsweredUnsent, q.told()[0].Answered)
				require.Contains(t, q.told()[0].Error, tc.reason)
			}
		})
	}
}

// TestOneBotsLateAnswersHoldUpNoOthers has the platform hang for one bot.
func TestOneBotsLateAnswersHoldUpNoOthers(t *testing.T) {
	t.Parallel()
	q, hang := newFakeQueue(), make(chan struct{})
	inside := make(chan struct{}, 100)
	startLate(t, q, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "fine") {
			inside <- struct{}{}
			<-hang
		}
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(func() { close(hang) }) // Before the server ends.
	said := &event.Answer{ContentType: "application/json", Body: []byte(`{"type":4,"data":{}}`)}
	put := func(id, bot, token string) {
		e := interaction(id)
		e.Bot, e.Data = bot, bytes.Replace(e.Data, []byte(lateToken), []byte(token), 1)
		late, _ := lateAnswer(&queue.Delivery{Event: e, Attempt: 1}, said, time.Now())
		q.put(1, late)
	}
	for range maxPosts + 5 {
		put("hangs", "demo", "hangs")
	}
	for range maxPosts {
		<-inside
	}
	q.put(1, newEvent("own"))
	require.Equal(t, "own", q.next(t).id, "the bot's own events go on")
	require.Empty(t, inside, "no more of the bot are under way")
}

func TestAddressForLateAnswers(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"": true, "http://127.0.0.1:1": true, "https://fake.example/base/": true, "http://fake.example": false, "fake": false, "://": false,
	} {
		_, err := New(Config{AnswersURL: address, Bots: bots.Set{}})
		require.Equal(t, ok, err == nil, address)
	}
	require.True(t, isPassing(answer{err: errors.New("reset")}))
}
