package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/internal/event"
)

// TestBotIsPausedAndResumed by an operator, and the pages say so at once.
func TestBotIsPausedAndResumed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	v := d.signIn(operator)
	require.NotContains(t, v.page("/console/"), "paused")
	require.Equal(t, http.StatusForbidden, d.signIn(viewer).send(http.MethodPost, "/console/bots/demo/pause", nil).Code)
	require.Empty(t, d.pauses)
	w := v.send(http.MethodPost, "/console/bots/demo/pause", nil)
	require.Equal(t, "/console/bots/demo", w.Header().Get("Location"), w.Body)
	page := v.page("/console/bots/demo")
	require.Contains(t, page, "by alice")
	require.Contains(t, page, `action="/console/bots/demo/resume"`)
	require.Contains(t, v.page("/console/"), "what is for it waits")
	v.send(http.MethodPost, "/console/bots/demo/resume", nil)
	require.False(t, d.pauses["demo"].Paused)
	require.Contains(t, v.page("/console/bots/demo"), `action="/console/bots/demo/pause"`)

	w = v.send(http.MethodPost, "/console/bots/demo/test", nil)
	require.True(t, strings.HasPrefix(w.Header().Get("Location"), "/console/events/"), w.Body)
	for path, status := range map[string]int{"/console/bots/nobody/pause": 404, "/console/bots/demo/stop": 404} {
		require.Equal(t, status, v.send(http.MethodPost, path, nil).Code, path)
	}
}

// TestAbsentBot needs somebody, whoever replays its dead letters.
func TestAbsentBot(t *testing.T) {
	t.Parallel()
	d, ids := busyDesk(t)
	d.pulls = map[string]pull.Use{"flaky": {Absent: 3 * time.Minute}}
	v := d.signIn(operator)
	for _, path := range []string{"/console/", "/console/dead/replay?id=" + ids["dead"], "/console/dead/replay?ids=" + ids["dead"]} {
		require.Contains(t, v.page(path), "nobody has asked for its events for 3 min", path)
	}
	require.NotContains(t, d.signIn(admin).page("/console/dead/drop?id="+ids["dead"]), "nobody has asked")
}

// TestScheduledEventIsCancelled by an operator; what is not scheduled has no button.
func TestScheduledEventIsCancelled(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	v := d.signIn(operator)
	id, err := event.NewID("alice")
	require.NoError(t, err)
	e := &event.Event{ID: id, Bot: "demo", Type: "command", Subject: "alice", Time: d.clock, VerifiedBy: "jwt", OrderKey: "alice"}
	e.Schedule(d.clock.Add(time.Hour))
	d.add(e)
	path := "/console/events/" + id
	page := v.page(path)
	require.Contains(t, page, "Scheduled for")
	require.Contains(t, page, `action="`+path+`/cancel"`)
	require.Contains(t, v.page("/console/events?status=scheduled"), path)
	require.Equal(t, http.StatusForbidden, d.signIn(viewer).send(http.MethodPost, path+"/cancel", nil).Code)
	w := v.send(http.MethodPost, path+"/cancel", nil)
	require.Equal(t, path, w.Header().Get("Location"), w.Body)
	page = v.page(path)
	require.Contains(t, page, "cancelled")
	require.NotContains(t, page, path+"/cancel")
}

// TestRefused shows what was refused and why, as text.
func TestRefused(t *testing.T) {
	t.Parallel()
	v := newDesk(t).signIn(viewer)
	page := v.page("/console/refused")
	for _, text := range []string{"mismatch", "bot_signature", "github, demo", "1\u202f234", "192.0.2.1", "&lt;script&gt;"} {
		require.Contains(t, page, text)
	}
	require.Contains(t, v.page("/console/refused?reason=nothing"), "Nothing was refused")
}
