package console_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/audit"
	"github.com/botgate/botgate/backend/console"
	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/backend/schedule"
	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/internal/event"
)

// now is the time of all tests: about that of the API, which has a clock of its own.
var now = time.Now().UTC().Truncate(time.Second)

// desk is a console over a real API and a real database, with a clock and with jobs that only remember.
type desk struct {
	t        testing.TB
	store    *sqlite.Store
	jobs     *fakeJobs
	sessions *session.Sessions
	pauses   fakePauses
	console  *console.Console
	clock    time.Time
	used     map[string]bool
	// resets are the limits that were reset, as zone and key.
	resets  []string
	revoked bool
	// pulls are how bots do that pull.
	pulls map[string]pull.Use
	// followed are the links that were looked at.
	followed map[string]bool
}

func newDesk(t testing.TB, change ...func(*console.Config)) *desk {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "events.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	d := &desk{t: t, store: s, jobs: &fakeJobs{}, clock: now, used: map[string]bool{}, pauses: fakePauses{}, followed: map[string]bool{}}
	changes, engine := audit.New(s.SQL(), nil), session.NewSQL(s.SQL(), nil)
	require.NoError(t, errors.Join(changes.Migrate(t.Context()), engine.Migrate(t.Context())))
	d.sessions, err = session.New(session.Config{Engine: engine, TTL: time.Hour, MaxTTL: time.Hour, MaxSize: 1000})
	require.NoError(t, err)
	backend, err := api.New(api.Config{
		Reader: s, Retry: fakeRetry{}, Jobs: d.jobs, Bots: knownBots, Sessions: d.sessions, Eraser: s, Audit: changes, Pauses: d.pauses, Refusals: fakeRefusals{},
		System: &api.System{Version: "v1.2.3", Roles: []string{"api"}, Shards: []string{"sqlite"}, StartedAt: now, Health: health},
		Limits: fakeLimits{d}, PullUses: func() map[string]pull.Use { return d.pulls },
		Cancel: schedule.Canceller{Store: alone{s}, Publish: fakeRetry{}.Publish, Notify: func([]store.Entry) {}},
	})
	require.NoError(t, err)
	t.Cleanup(backend.Close)
	cfg := console.Config{
		API: backend, Secret: []byte("0123456789abcdef0123456789abcdef"), Now: func() time.Time { return d.clock },
		First: func(_ context.Context, id string, _ time.Duration) (bool, error) {
			first := !d.used[id]
			d.used[id] = true
			return first, nil
		},
		Revoked: func(context.Context, string, string, time.Time) bool { return d.revoked },
	}
	for _, c := range change {
		c(&cfg)
	}
	d.console, err = console.New(cfg)
	require.NoError(t, err)
	return d
}

// add records an event, and what happened to it.
func (d *desk) add(e *event.Event, changes ...event.Change) string {
	d.t.Helper()
	e.Normalize()
	accepted, err := store.NewEntry(e)
	require.NoError(d.t, err)
	entries := []store.Entry{accepted}
	for _, c := range changes {
		change, err := event.NewChange(e, c)
		require.NoError(d.t, err)
		entry, err := store.NewEntry(change)
		require.NoError(d.t, err)
		entries = append(entries, entry)
	}
	_, err = d.store.Append(d.t.Context(), entries)
	require.NoError(d.t, err)
	return e.ID
}

// command is an event of a user that was accepted that long ago.
func command(t testing.TB, bot, user string, age time.Duration, data string) *event.Event {
	t.Helper()
	id, err := event.NewID("")
	require.NoError(t, err)
	return &event.Event{
		ID: id, Bot: bot, Type: "command", Subject: user, OrderKey: user, Time: now.Add(-age), VerifiedBy: "jwt",
		ContentType: "application/json", Data: []byte(data),
	}
}

// failed, dead and delivered are changes that long ago.
func failed(attempt int, age time.Duration) event.Change {
	return event.Change{
		Status: event.StatusFailed, Attempt: attempt, At: now.Add(-age), DurationMS: 6, StatusCode: 503,
		Error: "the bot answered 503", NextAttempt: new(now.Add(-age + time.Second)),
		Answer: &event.Answer{ContentType: "application/json", Body: []byte(`{"error":"bot says no"}`)},
	}
}

func dead(attempt int, age time.Duration) event.Change {
	return event.Change{
		Status: event.StatusDead, Attempt: attempt, At: now.Add(-age), DurationMS: 2, StatusCode: 503, Error: "out of attempts: the bot answered 503",
	}
}

func delivered(age time.Duration) event.Change {
	return event.Change{Status: event.StatusDelivered, Attempt: 1, At: now.Add(-age), DurationMS: 9, StatusCode: 204}
}

// visitor is a browser that signed in.
type visitor struct {
	d       *desk
	cookies []*http.Cookie
	headers http.Header
}

// identity is what the gateway says of a token.
func identity(scopes string) http.Header {
	return http.Header{
		"X-Botgate-User": {"alice"}, "X-Botgate-Issuer": {"botgate"}, "X-Botgate-Scopes": {scopes}, "X-Botgate-Bot": {"*"},
		"X-Botgate-Token": {"token-1"}, "X-Botgate-Issued": {"1772618000"},
	}
}

const (
	viewer   = "events:read"
	operator = viewer + " events:admin"
	admin    = operator + " console:admin"
)

// signIn signs in with the scopes, for all bots.
func (d *desk) signIn(scopes string) *visitor {
	d.t.Helper()
	return d.signInAs(identity(scopes))
}

func (d *desk) signInAs(who http.Header) *visitor {
	d.t.Helper()
	a := (&visitor{d: d, headers: who}).send(http.MethodPost, "/console/session", nil)
	require.Equal(d.t, http.StatusNoContent, a.Code, a.Body.String())
	return &visitor{d: d, cookies: a.Result().Cookies(), headers: http.Header{}}
}

// send sends a request; a form is of a page of this origin.
func (v *visitor) send(method, path string, form url.Values) *httptest.ResponseRecorder {
	v.d.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, "http://botgate.test"+path, body)
	maps.Copy(r.Header, v.headers)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.Header.Get("Sec-Fetch-Site") == "" {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	v.d.console.ServeHTTP(w, r)
	return w
}

// page returns a page that must be there.
func (v *visitor) page(path string) string {
	v.d.t.Helper()
	w := v.send(http.MethodGet, path, nil)
	require.Equal(v.d.t, http.StatusOK, w.Code, "%s: %s", path, w.Body)
	return w.Body.String()
}
