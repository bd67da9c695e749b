package dispatch

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// keepFailed has the answers of failed attempts kept.
func keepFailed(_ *Config, b *bots.Bot) { b.KeepAnswers = bots.KeepFailed }

// TestKeepAnswers goes through what each setting keeps of which answer.
func TestKeepAnswers(t *testing.T) {
	t.Parallel()
	for setting, kept := range map[bots.KeepAnswers][]int{
		"": {}, bots.KeepOff: {}, bots.KeepFailed: {500, 404, 302, 422}, bots.KeepAll: {200, 500, 404, 302, 422},
	} {
		for _, status := range []int{200, 500, 404, 302, 422} {
			q := newFakeQueue()
			start(t, q, answering(t, status, "Content-Type", "text/plain"), func(_ *Config, b *bots.Bot) { b.KeepAnswers = setting })
			q.put(1, newEvent("e"))
			q.next(t)
			var want *event.Answer
			for _, s := range kept {
				if s == status {
					want = &event.Answer{ContentType: "text/plain", Body: []byte("the bot's own words")}
				}
			}
			require.Equal(t, want, q.told()[0].Answer, "%s %d", setting, status)
			require.NotContains(t, q.told()[0].Error, "own words")
		}
	}
}

func TestWhatIsKeptOfAnAnswer(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write(make([]byte, 64<<20)) // A bomb.
	require.NoError(t, w.Close())
	for name, tc := range map[string]struct {
		header http.Header
		body   string
		want   *event.Answer
	}{
		"nothing": {nil, "", nil},
		"long": {
			http.Header{"Content-Type": {"text/plain"}},
			strings.Repeat("€", 4000),
			&event.Answer{ContentType: "text/plain", Body: []byte(strings.Repeat("€", event.MaxRefusal/3)), Truncated: true},
		},
		"binary": {
			http.Header{"Content-Type": {"a/\xff"}},
			"\x00\xff",
			&event.Answer{ContentType: "a/", Body: []byte("\x00\xff")},
		},
		"compressed": {
			http.Header{"Content-Type": {"text/plain"}, "Content-Encoding": {"gzip"}},
			zipped.String(),
			&event.Answer{ContentType: "text/plain", ContentEncoding: "gzip", Body: zipped.Bytes()[:event.MaxRefusal], Truncated: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newFakeQueue()
			start(t, q, bot(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				maps.Copy(w.Header(), tc.header)
				w.WriteHeader(http.StatusTeapot)
				_, _ = io.WriteString(w, tc.body)
			}), keepFailed)
			q.put(1, newEvent("e"))
			require.Equal(t, "dead", q.next(t).how)
			require.Equal(t, tc.want, q.told()[0].Answer)
		})
	}
}

// TestLongAnswers: much more is kept where the bot took the event than where it did not.
func TestLongAnswers(t *testing.T) {
	t.Parallel()
	for status, most := range map[int]int{200: event.MaxAnswer, 410: event.MaxRefusal, 500: event.MaxRefusal} {
		for _, size := range []int{most, most + 1} {
			q := newFakeQueue()
			start(t, q, bot(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = w.Write(make([]byte, size))
			}), func(_ *Config, b *bots.Bot) { b.KeepAnswers = bots.KeepAll })
			q.put(1, newEvent("e"))
			q.next(t)
			kept := q.told()[0].Answer
			require.Len(t, kept.Body, most, status)
			require.Equal(t, size > most, kept.Truncated, status)
		}
	}
}

// TestDrippingAnswer has a body that does not end: the status counts, and the timeout ends it.
func TestDrippingAnswer(t *testing.T) {
	t.Parallel()
	for status, how := range map[int]string{http.StatusOK: "ack", http.StatusServiceUnavailable: "retry"} {
		q, started := newFakeQueue(), time.Now()
		start(t, q, bot(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(status)
			ticker := time.NewTicker(10 * time.Millisecond)
			defer ticker.Stop()
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
				<-ticker.C
			}
		}), func(_ *Config, b *bots.Bot) { b.Timeout, b.KeepAnswers = 200*time.Millisecond, bots.KeepAll })
		q.put(1, newEvent("e"))
		require.Equal(t, how, q.next(t).how)
		require.GreaterOrEqual(t, time.Since(started), 200*time.Millisecond)
		change := q.told()[0]
		require.Equal(t, status, change.StatusCode)
		require.True(t, change.Answer.Truncated)
		require.Contains(t, string(change.Answer.Body), "x")
	}
}

// TestAnswerCostsNoChange: a change that the queue does not take for its size is told without.
func TestAnswerCostsNoChange(t *testing.T) {
	t.Parallel()
	q := newFakeQueue()
	tooLarge := true
	q.refuse = func(operation string) error {
		if operation == "publish" && tooLarge {
			tooLarge = false
			return queue.ErrTooLarge
		}
		return nil
	}
	start(t, q, answering(t, 500), keepFailed)
	q.put(1, newEvent("e"))
	require.Equal(t, settled{how: "retry", id: "e", attempt: 1, told: 1}, withoutDelay(q.next(t)))
	require.Equal(t, 500, q.told()[0].StatusCode)
	require.Nil(t, q.told()[0].Answer)
}

func withoutDelay(s settled) settled {
	s.delay = 0
	return s
}
