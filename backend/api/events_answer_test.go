package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/event"
)

const answerOf = "/v1/events/id-1/answer"

// answered is an event that was delivered with an answer.
func answered(a *event.Answer) *store.Record {
	r := record("application/json", []byte(`{}`))
	r.Status = event.StatusDelivered
	r.Attempts = []event.Change{
		{Status: event.StatusFailed, StatusCode: 500, Answer: &event.Answer{Body: []byte("of a failure")}},
		{Status: event.StatusDelivered, StatusCode: 200, Answer: a},
	}
	return r
}

func TestAnswerIsTheBotsBytes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer event.Answer
		header map[string]string
	}{
		"text":         {event.Answer{ContentType: "text/plain; charset=utf-8", Body: []byte("Sum: 3")}, map[string]string{"Content-Type": "text/plain; charset=utf-8"}},
		"not JSON":     {event.Answer{ContentType: "application/json", Body: []byte("{\x00\xff")}, map[string]string{"Content-Type": "application/json"}},
		"without type": {event.Answer{Body: []byte("\x00")}, map[string]string{"Content-Type": "application/octet-stream"}},
		"compressed": {
			event.Answer{ContentType: "text/plain", ContentEncoding: "br", Body: []byte("\x0b")},
			map[string]string{"Content-Type": "text/plain", "Content-Encoding": "br"},
		},
		"not whole": {event.Answer{ContentType: "text/plain", Body: []byte("Su"), Truncated: true}, map[string]string{"Botgate-Answer-Truncated": "true"}},
		"a page":    {event.Answer{ContentType: "text/html", Body: []byte("<script>alert(1)</script>")}, map[string]string{"Content-Type": "text/html"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ask(t, handler(t, Config{Reader: &fakeReader{record: answered(&tc.answer)}}), "GET", answerOf)
			require.Equal(t, 200, w.Code)
			require.Equal(t, string(tc.answer.Body), w.Body.String())
			h := w.Header()
			for name, value := range tc.header {
				require.Equal(t, value, h.Get(name))
			}
			require.Equal(t, tc.answer.Truncated, h.Get("Botgate-Answer-Truncated") != "")
			require.Equal(t, tc.answer.ContentEncoding, h.Get("Content-Encoding"))
			require.Contains(t, h.Get("Content-Security-Policy"), "sandbox")
			require.Equal(t, "attachment", h.Get("Content-Disposition"))
			require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
			require.Equal(t, "private, no-cache", h.Get("Cache-Control"))
		})
	}
}

func TestLastAnswerCounts(t *testing.T) {
	t.Parallel()
	r := answered(&event.Answer{Body: []byte("first")})
	r.Attempts = append(r.Attempts, event.Change{Status: event.StatusReplayed, Replays: 1},
		event.Change{Status: event.StatusDelivered, Replays: 1, Answer: &event.Answer{Body: []byte("second")}})
	require.Equal(t, "second", ask(t, handler(t, Config{Reader: &fakeReader{record: r}}), "GET", answerOf).Body.String())

	r.Attempts[3].Answer = nil // It is not the first one's that the last attempt got.
	requireProblem(t, ask(t, handler(t, Config{Reader: &fakeReader{record: r}}), "GET", answerOf), 404, "no-answer")
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	requireProblem(t, ask(t, handler(t, Config{Reader: &fakeReader{record: answered(nil)}}), "GET", answerOf), 404, "no-answer")
	for _, status := range event.Statuses() {
		r := answered(&event.Answer{Body: []byte("of a time before")})
		r.Status = status
		w := ask(t, handler(t, Config{Reader: &fakeReader{record: r}}), "GET", answerOf)
		switch {
		case status == event.StatusDelivered:
			require.Equal(t, 200, w.Code)
		case status.Final():
			requireProblem(t, w, 404, "no-answer")
			require.Contains(t, w.Body.String(), string(status))
		default:
			require.Equal(t, 202, w.Code)
			require.JSONEq(t, `{"id":"id-1","status":"`+string(status)+`"}`, w.Body.String())
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		}
	}
}

// TestAnswerIsForWhoMayReadTheEvent has the token of another bot.
func TestAnswerIsForWhoMayReadTheEvent(t *testing.T) {
	t.Parallel()
	h := handler(t, Config{Reader: &fakeReader{record: answered(&event.Answer{Body: []byte("private")})}})
	r, w := httptest.NewRequestWithContext(t.Context(), http.MethodGet, answerOf, nil), httptest.NewRecorder()
	r.Header.Set(botclaim.Header, "other")
	h.ServeHTTP(w, r)
	requireProblem(t, w, 404, "unknown-event")
}

func TestAnswerIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, started := newWay(t), time.Now()
		a := f.api(t, Config{})
		w := <-waiting(t.Context(), a, answerOf+"?wait=2s")
		requireProblem(t, w, 404, "unknown-event")
		require.Equal(t, 2*time.Second, time.Since(started))

		f.become(event.StatusFailed, true)
		require.Equal(t, 202, (<-waiting(t.Context(), a, answerOf+"?wait=2s")).Code)
		late := waiting(t.Context(), a, answerOf+"?wait=20s")
		time.Sleep(time.Second) //nolint:forbidigo // In a bubble, where time is fake.
		f.become(event.StatusDead, true)
		requireProblem(t, <-late, 404, "no-answer")
		require.Equal(t, 5*time.Second, time.Since(started))
	})
}
