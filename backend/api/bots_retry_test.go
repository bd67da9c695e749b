package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// fakeRetrier knows the bot demo, and keeps which were tried, and what was given up.
type fakeRetrier struct {
	err     error
	tried   []string
	givenUp []string
	// published are events that are to try a bot.
	published []*event.Event
}

func (f *fakeRetrier) GiveUp(_ context.Context, bot, id string) error {
	if f.err == nil && bot != "demo" {
		return queue.ErrUnknownBot
	}
	f.givenUp = append(f.givenUp, id)
	return f.err
}

func (f *fakeRetrier) Publish(_ context.Context, events ...*event.Event) error {
	f.published = append(f.published, events...)
	return f.err
}

func (f *fakeRetrier) RetryNow(_ context.Context, bot string) error {
	if f.err == nil && bot != "demo" {
		return queue.ErrUnknownBot
	}
	f.tried = append(f.tried, bot)
	return f.err
}

func TestRetryBot(t *testing.T) {
	t.Parallel()
	retrier := &fakeRetrier{}
	h := handler(t, Config{Retry: retrier})
	require.Equal(t, http.StatusNoContent, ask(t, h, "POST", "/v1/bots/demo/retry").Code)
	require.Equal(t, http.StatusNoContent, askAs(t, h, "POST", "/v1/bots/demo/retry", "demo").Code)
	requireProblem(t, askAs(t, h, "POST", "/v1/bots/demo/retry", "other"), http.StatusForbidden, "other-bot")
	requireProblem(t, ask(t, h, "POST", "/v1/bots/nobody/retry"), http.StatusNotFound, "unknown-bot")
	requireProblem(t, ask(t, h, "POST", "/v1/bots/demo/retry?all=true"), http.StatusBadRequest, "malformed")
	requireProblem(t, ask(t, h, "GET", "/v1/bots/demo/retry"), http.StatusMethodNotAllowed, "method-not-allowed")
	require.Equal(t, []string{"demo", "demo"}, retrier.tried)
	h = handler(t, Config{Retry: &fakeRetrier{err: queue.ErrUnavailable}})
	requireProblem(t, ask(t, h, "POST", "/v1/bots/demo/retry"), http.StatusServiceUnavailable, "unavailable")
}

func TestGiveUp(t *testing.T) {
	t.Parallel()
	retrier := &fakeRetrier{}
	h := handler(t, Config{Retry: retrier})
	require.Equal(t, http.StatusNoContent, ask(t, h, "POST", "/v1/bots/demo/give-up?event=a").Code)
	require.Equal(t, http.StatusNoContent, askAs(t, h, "POST", "/v1/bots/demo/give-up?event=b", "demo").Code)
	requireProblem(t, askAs(t, h, "POST", "/v1/bots/demo/give-up?event=c", "other"), http.StatusForbidden, "other-bot")
	requireProblem(t, ask(t, h, "POST", "/v1/bots/nobody/give-up?event=c"), http.StatusNotFound, "unknown-bot")
	for _, query := range []string{
		"", "?event=", "?event=a&event=b", "?id=a", "?event=%00", "?event=" + strings.Repeat("x", 65),
	} {
		requireProblem(t, ask(t, h, "POST", "/v1/bots/demo/give-up"+query), http.StatusBadRequest, "malformed")
	}
	require.Equal(t, []string{"a", "b"}, retrier.givenUp)
	h = handler(t, Config{Retry: &fakeRetrier{err: queue.ErrUnavailable}})
	requireProblem(t, ask(t, h, "POST", "/v1/bots/demo/give-up?event=a"), http.StatusServiceUnavailable, "unavailable")
}
