package integration

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
)

// readerOf returns the headers of a client whose token is for one bot.
func (s *stack) readerOf(bot any) http.Header {
	s.t.Helper()
	return bearer(s.tokenWith(jwt.MapClaims{"bot": bot, "scope": "events:read events:admin"}))
}

// get asks the gateway for a path.
func (s *stack) get(header http.Header, path string) answer {
	s.t.Helper()
	a, err := send(http.MethodGet, s.base+path, header, nil)
	require.NoError(s.t, err)
	return a
}

// TestBotClaim has tokens for one bot ask for what is of another one, also with headers that
// try to get around the claim.
func TestBotClaim(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	s.bot.failWith(func(delivered) int { return http.StatusGone })
	id := s.accept("alice", hello)
	s.awaitStatus(id, "dead")

	all, demo, other := s.readerOf(nil), s.readerOf("demo"), s.readerOf("other")
	forged, dropped := other.Clone(), other.Clone()
	forged["X-Botgate-Bot"] = []string{"demo"}
	dropped["Connection"] = []string{"X-Botgate-Bot"}
	forgedByAll := all.Clone()
	forgedByAll["X-Botgate-Bot"] = []string{"other"}

	for _, path := range []string{"/v1/events/" + id, "/v1/events", "/v1/events?user=alice", "/v1/dead", "/v1/dead/" + id} {
		for _, header := range []http.Header{all, demo, forgedByAll} {
			a := s.get(header, path)
			require.Equal(t, http.StatusOK, a.status, "%s: %s", path, a.body)
			require.Contains(t, string(a.body), id, path)
		}
		for _, header := range []http.Header{other, forged, dropped} {
			require.NotContains(t, string(s.get(header, path).body), id, path)
		}
	}
	for path, slug := range map[string]string{"/v1/events/" + id: "unknown-event", "/v1/dead/" + id: "unknown-dead-letter"} {
		requireProblem(t, s.get(other, path), http.StatusNotFound, slug)
	}
	for _, path := range []string{
		"/v1/events?bot=demo", "/v1/dead?bot=demo", "/v1/users/alice?bot=demo", "/v1/bots/demo/stats", "/v1/events/stream?bot=demo",
	} {
		requireProblem(t, s.get(other, path), http.StatusForbidden, "other-bot")
	}
	for path, counted := range map[string]string{"/v1/users/alice": `"dead":1`, "/v1/bots/demo/stats": `"dead":1`} {
		require.Contains(t, string(s.get(demo, path).body), counted, path)
		require.Contains(t, string(s.get(all, path).body), counted, path)
		require.NotContains(t, string(s.get(other, path).body), counted, path)
	}
	requireProblem(t, s.get(other, "/v1/users/alice"), http.StatusNotFound, "unknown-user")

	began := time.Now()
	requireProblem(t, s.get(other, "/v1/events/"+id+"?wait=1s"), http.StatusNotFound, "unknown-event")
	require.GreaterOrEqual(t, time.Since(began), time.Second, "it looks as if it were not there")
	a, err := send(http.MethodDelete, s.base+"/v1/dead?all=true", other, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	var drop jobShown
	a.json(t, &drop)
	drop = s.awaitJob(drop.ID, func(j jobShown) bool { return j.Status == "done" })
	require.Zero(t, drop.Done)
	require.Contains(t, string(s.get(all, "/v1/dead").body), id, "others' dead letters stay")
}

// TestStreamThroughTheGateway goes on from the log, and gets at once what is in it.
func TestStreamThroughTheGateway(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	id := s.accept("alice", hello)
	s.awaitStatus(id, "delivered")
	lines := s.stream("demo")
	require.Equal(t, "retry: 2000", <-lines)
	found := false
	for line := range lines {
		if found = strings.Contains(line, `"`+id+`"`) && strings.Contains(line, `"status":"delivered"`); found {
			break
		}
	}
	require.True(t, found, "the stream ended")
}

// stream follows events from the beginning of the log, for one bot.
func (s *stack) stream(bot string) <-chan string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	s.t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/v1/events/stream", nil)
	require.NoError(s.t, err)
	request.Header = s.readerOf(bot)
	request.Header.Set("Last-Event-ID", store.LogPosition{RecordedAt: time.Unix(1e9, 0)}.Cursor())
	response, err := http.DefaultClient.Do(request) //nolint:bodyclose // It is read, and closed, below.
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, response.StatusCode)
	require.Equal(s.t, "text/event-stream", response.Header.Get("Content-Type"))
	lines := make(chan string)
	go func() {
		defer response.Body.Close()
		defer close(lines)
		for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}
