package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/internal/event"
)

// fakePull has one event for each receive, and takes every settlement.
type fakePull struct {
	err      error
	received pull.Request
}

const pulledEvent = `{"receipt":"r","attempt":1,"lease_until":"2030-01-01T00:00:00Z","event":{"specversion":"1.0","id":"e",` +
	`"source":"/bots/demo","type":"t","time":"2030-01-01T00:00:00Z","bot":"demo","orderkey":"k","data":{ "a": "<b>"}}}`

func (f *fakePull) Receive(ctx context.Context, bot string, r pull.Request) ([]json.RawMessage, []pull.Result, error) {
	f.received = r
	settled, err := f.Settle(ctx, bot, r.Settle)
	return []json.RawMessage{json.RawMessage(pulledEvent)}, settled, err
}

func (f *fakePull) Settle(_ context.Context, bot string, settlements []pull.Settlement) (results []pull.Result, err error) {
	for _, s := range settlements {
		f.received.Settle = append(f.received.Settle[:0], s)
		results = append(results, pull.Result{Receipt: s.Receipt, Status: pull.OK})
	}
	switch {
	case f.err != nil:
		return nil, f.err
	case bot == "pushed":
		return nil, pull.ErrPushed
	case bot == "nobody":
		return nil, pull.ErrUnknownBot
	}
	return results, nil
}

// askPull sends a body to a path of the bot demo.
func askPull(t *testing.T, f Pull, path, body string) (status int, answer string) {
	t.Helper()
	w := postPull(t, handler(t, Config{Pull: f}), path, body)
	return w.Code, w.Body.String()
}

func postPull(t *testing.T, h http.Handler, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/bots/demo/"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestReceive(t *testing.T) {
	t.Parallel()
	f := &fakePull{}
	status, answer := askPull(t, f, "receive", `{"max":3,"wait":"0s","lease":"10s","types":["a.*"],"settle":[{"receipt":"x","outcome":"retry","after":"0s"}]}`)
	require.Equal(t, http.StatusOK, status, answer)
	require.Equal(t, `{"events":[`+pulledEvent+`],"settled":[{"receipt":"x","status":"ok"}]}`, answer, "the body is the sender's")
	require.Equal(t, pull.Ask{Max: 3, Lease: 10 * time.Second, Types: pull.Types{"a.*"}}, f.received.Ask)
	require.Zero(t, f.received.Wait)
	require.Zero(t, *f.received.Settle[0].After)

	_, _ = askPull(t, f, "receive", "")
	require.Equal(t, pull.Request{
		Ask: pull.Ask{Max: pull.DefaultEvents, Lease: pull.DefaultLease}, Wait: pull.DefaultWait, Settle: []pull.Settlement{},
	}, f.received)
}

func TestSettle(t *testing.T) {
	t.Parallel()
	f := &fakePull{}
	status, answer := askPull(t, f, "settle", `{"settle":[{"receipt":"x","outcome":"ack","answer":{"content_type":"text/plain","body":"done"}}]}`)
	require.Equal(t, http.StatusOK, status, answer)
	require.JSONEq(t, `{"settled":[{"receipt":"x","status":"ok"}]}`, answer)
	require.Equal(t, &event.Answer{ContentType: "text/plain", Body: []byte("done")}, f.received.Settle[0].Answer)
	for outcome, most := range map[string]int{"ack": event.MaxAnswer, "retry": event.MaxRefusal, "dead": event.MaxRefusal} {
		long := strings.Repeat("x", event.MaxAnswer+1)
		_, _ = askPull(t, f, "settle", `{"settle":[{"receipt":"x","outcome":"`+outcome+`","answer":{"body":"`+long+`"}}]}`)
		require.Len(t, f.received.Settle[0].Answer.Body, most, outcome)
		require.True(t, f.received.Settle[0].Answer.Truncated)
	}
	_, _ = askPull(t, f, "settle", `{"settle":[{"receipt":"x","outcome":"extend","lease":"2m"}]}`)
	require.Equal(t, 2*time.Minute, f.received.Settle[0].Lease)
	_, _ = askPull(t, f, "settle", `{"settle":[{"receipt":"x","outcome":"extend","progress":40}]}`)
	require.Equal(t, 40, f.received.Settle[0].Progress)
}

func TestWhatPollersMayNotSay(t *testing.T) {
	t.Parallel()
	for path, bodies := range map[string][]string{
		"receive": {
			`{"max":257}`, `{"max":-1}`, `{"wait":"51s"}`, `{"wait":"soon"}`, `{"lease":"9s"}`, `{"lease":"16m"}`, `{"types":[""]}`, `{"typs":[]}`,
			`{`, `[]`, `{} {}`, `{"settle":[{"receipt":"x"}]}`,
		},
		"settle": {
			``, `{}`, `{"settle":[]}`, `{"settle":[{"receipt":"x","outcome":"release"}]}`, `{"settle":[{"receipt":"x","outcome":"silence"}]}`,
			`{"settle":[{"receipt":"x","outcome":"ack","after":"1s"}]}`, `{"settle":[{"receipt":"x","outcome":"retry","after":"-1s"}]}`,
			`{"settle":[{"receipt":"x","outcome":"ack","lease":"1m"}]}`, `{"settle":[{"receipt":"x","outcome":"extend","answer":{}}]}`,
			`{"settle":[{"receipt":"x","outcome":"extend","progress":0}]}`, `{"settle":[{"receipt":"x","outcome":"extend","progress":101}]}`,
			`{"settle":[{"receipt":"x","outcome":"ack","progress":40}]}`,
		},
	} {
		for _, body := range bodies {
			status, answer := askPull(t, &fakePull{}, path, body)
			require.Equal(t, http.StatusBadRequest, status, "%s %s: %s", path, body, answer)
		}
	}
}

func TestPullProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		slug   string
	}{
		{pull.ErrUnknownBot, http.StatusNotFound, "unknown-bot"},
		{pull.ErrPushed, http.StatusConflict, "not-pull"},
		{pull.ErrBusy, http.StatusServiceUnavailable, "busy"},
		{fmt.Errorf("x: %w", pull.ErrUnavailable), http.StatusServiceUnavailable, "unavailable"},
	} {
		for _, path := range []string{"receive", "settle"} {
			w := postPull(t, handler(t, Config{Pull: &fakePull{err: c.err}}), path, `{"settle":[{"receipt":"x","outcome":"ack"}]}`)
			requireProblem(t, w, c.status, c.slug)
		}
	}
	requireProblem(t, ask(t, handler(t, Config{}), http.MethodPost, "/v1/bots/demo/receive"), http.StatusConflict, "no-pull")
}
