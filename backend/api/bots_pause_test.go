package api

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/pause"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/queue"
)

// fakePauses keeps states, or fails.
type fakePauses struct {
	err    error
	states map[string]pause.State
}

func newFakePauses(err error) *fakePauses { return &fakePauses{err, map[string]pause.State{}} }

func (f *fakePauses) All() map[string]pause.State { return f.states }

func (f *fakePauses) Set(_ context.Context, bot string, paused bool, by string) (pause.State, error) {
	f.states[bot] = pause.State{Paused: paused, Since: at, By: by}
	return f.states[bot], f.err
}

func TestPauseBot(t *testing.T) {
	t.Parallel()
	cfg := botsConfig(nil)
	cfg.Pauses = newFakePauses(nil)
	h := handler(t, cfg)
	require.Contains(t, ask(t, h, "GET", "/v1/bots/demo").Body.String(), `"pause":null`)
	w := ask(t, h, "POST", "/v1/bots/demo/pause")
	require.Equal(t, 200, w.Code, w.Body)
	require.JSONEq(t, `{"bot":"demo","paused":true,"since":"2026-03-04T05:06:07.000891Z"}`, w.Body.String())
	require.Contains(t, ask(t, h, "GET", "/v1/bots/demo").Body.String(), `"pause":{"paused":true,"since":"2026-03-04T05:06:07.000891Z"}`)
	require.Contains(t, ask(t, h, "GET", "/v1/bots/other").Body.String(), `"pause":null`)
	require.JSONEq(t, `{"bot":"demo","paused":false,"since":"2026-03-04T05:06:07.000891Z"}`, ask(t, h, "POST", "/v1/bots/demo/resume").Body.String())
	require.Contains(t, ask(t, h, "GET", "/v1/bots/demo").Body.String(), `"pause":null`)

	for _, action := range []string{"pause", "resume", "test"} {
		requireProblem(t, askAs(t, h, "POST", "/v1/bots/demo/"+action, "other"), 403, "other-bot")
		requireProblem(t, ask(t, h, "POST", "/v1/bots/nobody/"+action), 404, "unknown-bot")
		requireProblem(t, ask(t, h, "POST", "/v1/bots/demo/"+action+"?x=1"), 400, "malformed")
		requireProblem(t, ask(t, h, "GET", "/v1/bots/demo/"+action), 405, "method-not-allowed")
	}
	require.Len(t, cfg.Pauses.All(), 1, "of the other bot nothing changed")
	cfg.Pauses = newFakePauses(pause.ErrUnavailable)
	requireProblem(t, ask(t, handler(t, cfg), "POST", "/v1/bots/demo/pause"), 503, "unavailable")
	cfg.Pauses = nil
	w = ask(t, handler(t, cfg), "POST", "/v1/bots/demo/pause")
	requireProblem(t, w, 409, "no-pauses")
	require.Contains(t, w.Body.String(), "BOTGATE_REDIS_URL")
}

func TestTestBot(t *testing.T) {
	t.Parallel()
	cfg, retrier := botsConfig(nil), &fakeRetrier{}
	cfg.Retry = retrier
	w := ask(t, handler(t, cfg), "POST", "/v1/bots/demo/test")
	require.Equal(t, 202, w.Code, w.Body)
	require.Len(t, retrier.published, 1)
	e := retrier.published[0]
	require.NoError(t, e.Validate())
	require.Equal(t, []string{"demo", "botgate.test", "botgate", `{"test":true}`}, []string{e.Bot, e.Type, e.VerifiedBy, string(e.Data)})
	require.False(t, e.IsChange())
	require.Equal(t, e.ID, e.OrderKey, "nothing waits for it")
	require.WithinDuration(t, time.Now(), e.Time, time.Minute)
	require.Equal(t, w.Header().Get("X-Request-Id"), e.RequestID)
	require.Equal(t, "/v1/events/"+e.ID, w.Header().Get("Location"))
	var shown map[string]string
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &shown))
	require.Equal(t, map[string]string{"id": e.ID, "bot": "demo"}, shown)
	retrier.err = queue.ErrUnavailable
	requireProblem(t, ask(t, handler(t, cfg), "POST", "/v1/bots/demo/test"), 503, "unavailable")

	cfg.Bots, cfg.Queue, retrier.err = nil, nil, nil // Another process delivers: what has events is a bot.
	cfg.Reader = &fakeReader{page: &store.Page{Records: []*store.Record{record("", nil)}}}
	require.Equal(t, 202, ask(t, handler(t, cfg), "POST", "/v1/bots/elsewhere/test").Code)
	cfg.Reader = &fakeReader{page: &store.Page{}}
	requireProblem(t, ask(t, handler(t, cfg), "POST", "/v1/bots/elsewhere/test"), 404, "unknown-bot")
}
