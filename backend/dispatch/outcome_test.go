package dispatch

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/queue"
)

// TestAnswers goes through what each status means for the event.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for how, statuses := range map[string][]int{
		"ack": {200, 201, 202, 204, 299},
		"retry": {
			300, 301, 302, 307, 308, 401, 403, 404, 405, 407, 408, 409, 421, 423, 425, 426, 429, 431, 451,
			500, 501, 502, 503, 504, 505, 511, 599,
		},
		"dead": {400, 402, 406, 410, 411, 412, 413, 414, 415, 416, 417, 418, 422, 424, 428, 499},
	} {
		for _, status := range statuses {
			t.Run(strconv.Itoa(status), func(t *testing.T) {
				t.Parallel()
				q := newFakeQueue()
				start(t, q, answering(t, status, "Location", "http://127.0.0.1:1/elsewhere"))
				q.put(1, newEvent("e"))
				got := q.next(t)
				require.Equal(t, how, got.how)
				require.Equal(t, 1, got.told, "what happened is published before it is settled")
				change := q.told()[0]
				require.Equal(t, "e", change.EventID)
				require.Equal(t, 1, change.Attempt)
				require.Equal(t, status, change.StatusCode)
				require.WithinDuration(t, time.Now(), change.At, time.Minute)
				require.NotContains(t, change.Error, "own words")
				require.Equal(t, how == "ack", change.Error == "")
				require.Equal(t, map[string]event.Status{
					"ack": event.StatusDelivered, "retry": event.StatusFailed, "dead": event.StatusDead,
				}[how], change.Status)
				require.Equal(t, how == "retry", change.NextAttempt != nil)
				if how == "dead" {
					require.Equal(t, change.Error, got.reason)
				}
			})
		}
	}
}

// TestReplayedEvent follows an event that came back from the dead letters.
func TestReplayedEvent(t *testing.T) {
	t.Parallel()
	q, header := newFakeQueue(), make(chan http.Header, 3)
	start(t, q, bot(t, func(w http.ResponseWriter, r *http.Request) {
		header <- r.Header
		w.WriteHeader(http.StatusBadGateway)
	}), func(_ *Config, b *bots.Bot) { b.Secrets = []string{secretOf("one")} })
	secret, err := platform.ParseStandardWebhooksSecret(secretOf("one"))
	require.NoError(t, err)
	q.deliveries <- &queue.Delivery{Event: newEvent("e"), Attempt: 1, Replays: 2}
	for attempt := 1; attempt <= 3; attempt++ {
		got := q.next(t)
		h := <-header
		require.Equal(t, []string{"2", "e", "e.r2"}, []string{h.Get("Botgate-Replay"), h.Get("ce-id"), h.Get("webhook-id")})
		request := &platform.Request{Header: h, Body: newEvent("e").Data, Now: time.Now()}
		require.NoError(t, platform.StandardWebhooks().Verify(request, []platform.Secret{secret}))
		require.Equal(t, 2, q.told()[attempt-1].Replays)
		seen := q.seen()
		require.Len(t, seen[attempt-1], attempt)
		last := seen[attempt-1][attempt-1]
		require.Equal(t, attempt, last.Attempt)
		require.Equal(t, http.StatusBadGateway, last.StatusCode)
		require.Equal(t, q.told()[attempt-1].Error, last.Error)
		require.Equal(t, attempt == 3, got.how == "dead")
	}
	q.put(1, newEvent("new"))
	q.next(t)
	h := <-header
	require.Empty(t, h.Get("Botgate-Replay"))
	require.Equal(t, "new", h.Get("webhook-id"))
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	closing := bot(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	})
	endless := bot(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 2*maxAnswerHeader))
		w.WriteHeader(http.StatusOK)
	})
	for _, tc := range []struct{ name, address, reason string }{
		{"refused", "http://user:hunter2@127.0.0.1:1/", "the bot refused the connection"},
		{"unknown host", "http://bot.invalid/", "the bot's host name can't be resolved"},
		{"unknown authority", tls.URL, "the bot's certificate can't be verified"},
		{"no TLS", strings.Replace(closing, "http:", "https:", 1), "the bot does not speak TLS"},
		{"closed", closing, "the bot closed the connection"},
		{"endless header", endless, "what answers is not HTTP"},
		{"another protocol", speaking(t, "SSH-2.0-OpenSSH_9.2\r\n"), "what answers is not HTTP"},
		{"a broken header", speaking(t, "HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), "what answers is not HTTP"},
		{"a word", speaking(t, "ok"), "what answers is not HTTP"},
		{"a line", speaking(t, "ok\n"), "what answers is not HTTP"},
		{"half a header", speaking(t, "HTTP/1.1 200 OK\r\nContent-"), "what answers is not HTTP"},
		{"no status", speaking(t, "HTTP/1.1 \r\n\r\n"), "what answers is not HTTP"},
		{"a word as status", speaking(t, "HTTP/1.1 abc OK\r\n\r\n"), "what answers is not HTTP"},
		{"an impossible status", speaking(t, "HTTP/1.1 20 OK\r\n\r\n"), "what answers is not HTTP"},
		{"another version", speaking(t, "HTTP/x 200 OK\r\n\r\n"), "what answers is not HTTP"},
		{"an impossible length", speaking(t, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), "what answers is not HTTP"},
		{"two lengths", speaking(t, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), "what answers is not HTTP"},
		{"an unknown coding", speaking(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\r\n"), "what answers is not HTTP"},
		{"endless line", speaking(t, strings.Repeat("x", 2<<20)), "what answers is not HTTP"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			q, reg := newFakeQueue(), prometheus.NewRegistry()
			start(t, q, tc.address, func(c *Config, _ *bots.Bot) { c.Registerer = reg })
			q.put(1, newEvent("e"))
			require.Equal(t, "retry", q.next(t).how)
			change := q.told()[0]
			require.Zero(t, change.StatusCode)
			require.Nil(t, change.Answer)
			require.Equal(t, tc.reason, change.Error)
			for c, phrase := range phrases {
				require.Equal(t, phrase == tc.reason, failures(t, reg, c) > 0, c)
			}
		})
	}
}

// failures is what the metric counts for a cause.
func failures(t *testing.T, reg *prometheus.Registry, of cause) (n int) {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "botgate_dispatch_failures_total" && m.GetLabel()[0].GetValue() == string(of) {
				n += int(m.GetCounter().GetValue())
			}
		}
	}
	return n
}

// speaking is a server that answers whatever it gets with these words.
func speaking(t *testing.T, words string) (address string) {
	t.Helper()
	return bot(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = conn.Write([]byte(words))
			_ = conn.Close()
		}
	})
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	address := bot(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	q := newFakeQueue()
	start(t, q, address, func(_ *Config, b *bots.Bot) { b.Timeout = 50 * time.Millisecond })
	q.put(1, newEvent("e"))
	require.Equal(t, "retry", q.next(t).how)
	change := q.told()[0]
	require.Equal(t, "the bot did not answer in time", change.Error)
	require.GreaterOrEqual(t, change.DurationMS, int64(50))
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	var followed atomic.Bool
	other := bot(t, func(http.ResponseWriter, *http.Request) { followed.Store(true) })
	q := newFakeQueue()
	start(t, q, answering(t, http.StatusTemporaryRedirect, "Location", other))
	q.put(1, newEvent("e"))
	require.Equal(t, "retry", q.next(t).how)
	require.False(t, followed.Load())
}

func TestAnswerBodyIsCapped(t *testing.T) {
	t.Parallel()
	var written atomic.Int64
	address := bot(t, func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 64<<10)
		for r.Context().Err() == nil {
			n, err := w.Write(block)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	q := newFakeQueue()
	start(t, q, address)
	q.put(1, newEvent("e"))
	require.Equal(t, "ack", q.next(t).how)
	require.Less(t, written.Load(), int64(64<<20))
}

func TestUntilOutOfAttempts(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	q := newFakeQueue()
	start(t, q, answering(t, 500), func(c *Config, _ *bots.Bot) { c.Registerer = reg })
	q.put(1, newEvent("e"))
	require.Equal(t, "retry", q.next(t).how)
	require.Equal(t, "retry", q.next(t).how)
	require.Equal(t, settled{how: "dead", id: "e", attempt: 3, told: 3, reason: "out of attempts: the bot answered 500"}, q.next(t))
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP botgate_dispatch_attempts_total Attempts to deliver an event to its bot, by what came of them: delivered, failed (tried again), dead, or expired (not tried any more).
# TYPE botgate_dispatch_attempts_total counter
botgate_dispatch_attempts_total{bot="(other)",outcome="dead"} 0
botgate_dispatch_attempts_total{bot="(other)",outcome="delivered"} 0
botgate_dispatch_attempts_total{bot="(other)",outcome="expired"} 0
botgate_dispatch_attempts_total{bot="(other)",outcome="failed"} 0
botgate_dispatch_attempts_total{bot="demo",outcome="dead"} 1
botgate_dispatch_attempts_total{bot="demo",outcome="delivered"} 0
botgate_dispatch_attempts_total{bot="demo",outcome="expired"} 0
botgate_dispatch_attempts_total{bot="demo",outcome="failed"} 2
`), "botgate_dispatch_attempts_total"))
}

// TestUntilOutOfTime: without max_attempts the age decides, that of the event or, for a replay,
// that of its first attempt, and whatever it is, the event is tried.
func TestUntilOutOfTime(t *testing.T) {
	t.Parallel()
	aged := func(age time.Duration) *event.Event {
		e := newEvent("e")
		e.Time = e.Time.Add(-age)
		return e
	}
	first := func(age time.Duration) []queue.Outcome {
		return []queue.Outcome{{At: time.Now().Add(-age)}, {At: time.Now()}}
	}
	const limit = 72 * time.Hour
	for name, c := range map[string]struct {
		delivery *queue.Delivery
		status   int
		want     string
	}{
		"young":                  {&queue.Delivery{Event: aged(limit - time.Hour), Attempt: 1000}, 500, "retry"},
		"old":                    {&queue.Delivery{Event: aged(limit + time.Minute), Attempt: 1}, 500, "dead"},
		"old, and answered":      {&queue.Delivery{Event: aged(limit + time.Minute), Attempt: 1}, 200, "ack"},
		"replayed":               {&queue.Delivery{Event: aged(9 * limit), Attempt: 1, Replays: 1}, 500, "retry"},
		"replayed a while ago":   {&queue.Delivery{Event: aged(9 * limit), Attempt: 9, Replays: 1, Outcomes: first(limit / 2)}, 500, "retry"},
		"replayed long ago":      {&queue.Delivery{Event: aged(9 * limit), Attempt: 9, Replays: 1, Outcomes: first(2 * limit)}, 500, "dead"},
		"accepted in the future": {&queue.Delivery{Event: aged(-9 * limit), Attempt: 9}, 500, "retry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newFakeQueue()
			start(t, q, answering(t, c.status), func(_ *Config, b *bots.Bot) { b.MaxAttempts = 0 })
			q.deliveries <- c.delivery
			got := q.next(t)
			require.Equal(t, c.want, got.how)
			if c.want == "dead" {
				require.Equal(t, "out of time: the bot answered 500", got.reason)
			}
		})
	}
}

// TestNothingIsDeadLetteredUntried: however often the event was given back, it is tried first.
func TestNothingIsDeadLetteredUntried(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]settled{
		200: {how: "ack", id: "e", attempt: 9, told: 1},
		500: {how: "dead", id: "e", attempt: 9, told: 1, reason: "out of attempts: the bot answered 500"},
	} {
		q := newFakeQueue()
		start(t, q, answering(t, status))
		q.put(9, newEvent("e"))
		require.Equal(t, want, q.next(t))
	}
}

// TestUnknownBot has events wait whose bot may be known to the next process, until they are too old.
func TestUnknownBot(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]settled{
		time.Hour:      {how: "postpone", id: "e", attempt: 1, delay: time.Minute},
		73 * time.Hour: {how: "dead", id: "e", attempt: 1, told: 1, reason: "unknown bot"},
	} {
		q := newFakeQueue()
		postponed := 0
		q.refuse = func(operation string) error {
			if operation == "postpone" {
				postponed++
			}
			if postponed > 1 { // The fake gives it back at once.
				return queue.ErrLost
			}
			return nil
		}
		start(t, q, "http://127.0.0.1:1")
		e := newEvent("e")
		e.Bot, e.Time = "nobody", time.Now().Add(-age)
		q.put(1, e)
		require.Equal(t, want, q.next(t))
	}
}

// TestDeathThatTheQueueRefuses stays in the queue, since the log does not learn of it.
func TestDeathThatTheQueueRefuses(t *testing.T) {
	t.Parallel()
	q := newFakeQueue()
	q.refuse = func(operation string) error {
		if operation == "publish" {
			return queue.ErrInvalid
		}
		return nil
	}
	start(t, q, answering(t, http.StatusGone))
	q.put(1, newEvent("e"))
	require.Equal(t, settled{how: "dead-letter", id: "e", attempt: 1, reason: "refused for good: the bot answered 410"}, q.next(t))
}

func TestPoisonousEventIsNotTried(t *testing.T) {
	t.Parallel()
	q := newFakeQueue()
	start(t, q, bot(t, func(http.ResponseWriter, *http.Request) { t.Error("the bot was asked") }))
	q.deliveries <- &queue.Delivery{Event: newEvent("e"), Attempt: 1, Crashes: queue.CrashLimit}
	got := q.next(t)
	require.Equal(t, "dead", got.how)
	require.Contains(t, got.reason, "delivery limit: 6 consumers")
	require.Equal(t, event.StatusDead, q.told()[0].Status)
}

// TestEventWithoutItsBodyIsNotSent buries what lost its body, and says so in the log.
func TestEventWithoutItsBodyIsNotSent(t *testing.T) {
	t.Parallel()
	q := newFakeQueue()
	start(t, q, bot(t, func(http.ResponseWriter, *http.Request) { t.Error("the bot got an event without its body") }))
	q.deliveries <- &queue.Delivery{Event: newEvent("e"), Attempt: 1, Unreadable: errors.New("it is gone")}
	require.Equal(t, settled{how: "dead", id: "e", attempt: 1, told: 1, reason: "it is gone"}, q.next(t))
	require.Equal(t, event.StatusDead, q.told()[0].Status)
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, value string
		least, most time.Duration
	}{
		{"seconds", "30", 30 * time.Second, 30 * time.Second},
		{"date", time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat), 60 * time.Second, 91 * time.Second},
		{"capped", "86400", time.Minute * 2, time.Minute * 2},
		{"absurd", "9223372036854775807", time.Minute * 2, time.Minute * 2},
		{"shorter than the backoff", "0", 1, time.Second},
		{"malformed", "soon", 1, time.Second},
		{"negative", "-5", 1, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) { //nolint:paralleltest // The date must not wait for other tests.
			q := newFakeQueue()
			start(t, q, answering(t, 429, "Retry-After", tc.value), func(_ *Config, b *bots.Bot) { b.MaxRetryAfter = 2 * time.Minute })
			q.put(1, newEvent("e"))
			got := q.next(t)
			require.Equal(t, "retry", got.how)
			require.GreaterOrEqual(t, got.delay, tc.least)
			require.LessOrEqual(t, got.delay, tc.most)
			change := q.told()[0]
			require.Equal(t, got.delay.Truncate(time.Millisecond), change.NextAttempt.Sub(change.At).Truncate(time.Millisecond))
		})
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	bot := target{bot: bots.Bot{}.WithDefaults()}
	for attempt, ceiling := range map[int]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 7: 64 * time.Second,
		10: 512 * time.Second, 11: 10 * time.Minute, 1 << 40: 10 * time.Minute,
	} {
		var longest time.Duration
		for range 300 {
			delay := bot.delay(attempt, 0)
			require.Positive(t, delay)
			require.LessOrEqual(t, delay, ceiling)
			longest = max(longest, delay)
		}
		require.Greater(t, longest, ceiling/2, "jitter uses the whole range")
	}
}

func TestBackoffIsTheBots(t *testing.T) {
	t.Parallel()
	q := newFakeQueue()
	start(t, q, answering(t, 500), func(_ *Config, b *bots.Bot) {
		b.MinBackoff, b.MaxBackoff, b.MaxAttempts = 20*time.Hour, 23*time.Hour, openAfter
	})
	var longest time.Duration
	q.put(1, newEvent("e"))
	for attempt := 1; ; attempt++ {
		got := q.next(t)
		require.Equal(t, attempt, got.attempt)
		if got.how == "dead" {
			require.Equal(t, openAfter, attempt)
			break
		}
		require.LessOrEqual(t, got.delay, 23*time.Hour)
		longest = max(longest, got.delay)
	}
	require.Greater(t, longest, 10*time.Minute, "the default bounds nothing here")
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Now()
	f.Add("30")
	f.Add(now.UTC().Format(http.TimeFormat))
	f.Fuzz(func(t *testing.T, value string) {
		require.GreaterOrEqual(t, retryAfter(value, now), time.Duration(0))
	})
}

// TestEventOverALimitWaits gives it back untried until its time has come.
func TestEventOverALimitWaits(t *testing.T) {
	t.Parallel()
	q := newFakeQueue()
	start(t, q, answering(t, http.StatusOK))
	late := newEvent("late")
	late.NotBefore = time.Now().Add(time.Hour)
	q.put(1, late)
	got := q.next(t)
	require.Equal(t, "postpone", got.how)
	require.InDelta(t, time.Hour.Seconds(), got.delay.Seconds(), 60)
	require.Zero(t, got.told, "nothing happened to it")
	got = q.next(t)
	require.Equal(t, "ack", got.how)
	require.Equal(t, 1, got.attempt)

	past := newEvent("past")
	past.NotBefore = time.Now().Add(-time.Second)
	q.put(1, past)
	require.Equal(t, "ack", q.next(t).how)
}
