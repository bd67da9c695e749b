package console_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/audit"
	"github.com/botgate/botgate/backend/console"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/pause"
	"github.com/botgate/botgate/backend/refusal"
	"github.com/botgate/botgate/backend/schedule"
	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/report"
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
		Limits: fakeLimits{d},
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

// fakeLimits remember what was reset. Everybody took 123 requests of a hundred a second.
type fakeLimits struct{ d *desk }

func (f fakeLimits) ResetLimit(_ context.Context, zone, key string) error {
	f.d.resets = append(f.d.resets, zone+" "+key)
	return nil
}

func (fakeLimits) SpentLimits(_ context.Context, _ string, zones ...string) ([]time.Duration, error) {
	spent := make([]time.Duration, len(zones))
	for i := range spent {
		spent[i] = 1230 * time.Millisecond
	}
	return spent, nil
}

// health is that of a process of which a part is degraded.
func health(context.Context) (status string, checks, details map[string]string) {
	return "degraded", map[string]string{"queue": "ok", "database": "degraded"}, map[string]string{"database": "a shard is away"}
}

// knownBots are those of a bots file.
func knownBots() bots.Set { return bots.Set{"demo": {}, "flaky": {}} }

// fakePauses remembers them.
type fakePauses map[string]pause.State

func (f fakePauses) All() map[string]pause.State { return f }

func (f fakePauses) Set(_ context.Context, bot string, paused bool, by string) (pause.State, error) {
	f[bot] = pause.State{Paused: paused, Since: now, By: by}
	return f[bot], nil
}

// fakeRefusals has one of each kind of answer.
type fakeRefusals struct{ api.Refusals }

func (fakeRefusals) Minutes(context.Context, time.Time, int) ([]refusal.Minute, error) {
	return nil, nil
}

func (fakeRefusals) Erase(context.Context, string) error { return nil }

// Processes are a backend that is well, and a gateway that spools.
func (fakeRefusals) Processes(context.Context) ([]refusal.Process, error) {
	return []refusal.Process{
		{Instance: "backend-1", SeenAt: now.Add(-time.Minute), Process: report.Process{
			Service: "botgate-backend", Version: "v1.2.3", Roles: []string{"api", "dispatch"}, StartedAt: now.Add(-time.Hour), Status: "ready", Checks: map[string]string{"queue": "ok"},
		}},
		{Instance: "gateway-1/7", SeenAt: now, Process: report.Process{
			Service: "botgate", Version: "v1.2.2", StartedAt: now.Add(-2 * time.Hour), Status: "ready",
			Checks: map[string]string{"queue": "spooling"}, Details: map[string]string{"queue": hostile},
		}},
	}, nil
}

// Limits are those of two gateways, one of which alice is over.
func (fakeRefusals) Limits(context.Context) ([]refusal.Limits, error) {
	zones := []report.Zone{
		{Name: "user", Key: "{http.auth.user.id}", Rate: "100/s", Burst: 2000, Plans: []report.Plan{{Name: "gold", Rate: "500/s", Burst: 1}}},
		{Name: "hook", Key: "{http.bot.user}", Rate: "50/s", Burst: 500, Interval: 0.02, Defers: true},
		{Name: "streams", Key: "{http.auth.user.id}", MaxInFlight: 10},
		{Name: "address", Key: "{client_ip}", Rate: "7/s", Burst: 7},
	}
	over := []report.Offender{{Zone: "user", Key: "alice", Refused: 617, First: now, Last: now}, {Zone: "hook", Key: "bob", Refused: 9, First: now, Last: now}}
	return []refusal.Limits{
		{Gateway: "gateway-1", At: now, Limits: report.Limits{Zones: zones, Offenders: over}},
		{Gateway: "gateway-2", At: now, Limits: report.Limits{Zones: zones, Offenders: over}},
	}, nil
}

func (fakeRefusals) Sum(_ context.Context, q refusal.Query) (*refusal.Result, error) {
	if q.Reason == "nothing" {
		return &refusal.Result{}, nil
	}
	kind := refusal.Group{First: now.Add(-time.Hour), Last: now}
	kind.Count.Count = 1234
	kind.Handler, kind.Reason, kind.Platform, kind.Bot = "bot_signature", "mismatch", "github", "demo"
	sample := refusal.Sample{}
	sample.At, sample.Handler, sample.Reason, sample.Client, sample.Method, sample.Path, sample.User = now, "bot_jwt", hostile, "192.0.2.1", "POST", "/v1/bots/demo/commands", "alice"
	return &refusal.Result{Total: 1234, Groups: []refusal.Group{kind}, Others: 3, Points: []refusal.Point{{At: now.Truncate(time.Minute), Count: 1234}}, Samples: []refusal.Sample{sample}}, nil
}

type fakeRetry struct{}

func (fakeRetry) RetryNow(context.Context, string) error         { return nil }
func (fakeRetry) Publish(context.Context, ...*event.Event) error { return nil }
func (fakeRetry) GiveUp(context.Context, string, string) error   { return nil }

// alone is a store of one shard.
type alone struct{ *sqlite.Store }

func (alone) ShardOf(store.Entry) string { return "" }

// fakeJobs remembers what was asked for.
type fakeJobs struct {
	mu   sync.Mutex
	jobs []*job.Job
	keys []string
	// stopped are the ids of those that were cancelled.
	stopped []string
}

func (f *fakeJobs) Submit(_ context.Context, r job.Request) (*job.Job, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, err := event.NewID("")
	if err != nil {
		return nil, false, err
	}
	j := &job.Job{ID: id, Kind: r.Kind, Parameters: r.Parameters, AskedBy: r.AskedBy, Status: job.StatusRunning, Done: 31, Total: 48, CreatedAt: now, UpdatedAt: now}
	f.jobs, f.keys = append(f.jobs, j), append(f.keys, r.Key)
	return j, true, nil
}

func (f *fakeJobs) Changed(context.Context, time.Time, int) ([]*job.Job, error) { return nil, nil }

func (f *fakeJobs) Get(_ context.Context, id, _ string) (*job.Job, error) {
	for _, j := range f.jobs {
		if j.ID == id {
			return j, nil
		}
	}
	return nil, job.ErrNotFound
}

func (f *fakeJobs) List(context.Context, job.Query) ([]*job.Job, error) { return f.jobs, nil }

func (f *fakeJobs) Cancel(ctx context.Context, id, bot string) (*job.Job, error) {
	f.stopped = append(f.stopped, id)
	return f.Get(ctx, id, bot)
}

func (f *fakeJobs) File(context.Context, string, string) (job.File, iter.Seq2[[]byte, error], error) {
	return job.File{}, nil, job.ErrNoFile
}
