package api

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/refusal"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/report"
)

// fakeRefusals has one of everything, or fails.
type fakeRefusals struct {
	err    error
	query  refusal.Query
	erased []string
}

func (f *fakeRefusals) Sum(_ context.Context, q refusal.Query) (*refusal.Result, error) {
	f.query = q
	what := report.Refusal{Handler: "bot_signature", Reason: "signature_mismatch", Platform: "github", Bot: "demo"}
	return &refusal.Result{
		Total: 7, Lumped: 2, Others: 1, SearchedTo: at.Truncate(time.Minute),
		Groups: []refusal.Group{{Count: report.Count{Refusal: what, Count: 6, Lumped: 2}, First: at.Truncate(time.Minute), Last: at.Truncate(time.Minute)}},
		Points: []refusal.Point{{At: at.Truncate(time.Minute), Count: 7}},
		Samples: []refusal.Sample{{Gateway: "host/1", Sample: report.Sample{
			Refusal: what, At: at, RequestID: "r", Client: "192.0.2.7", Method: "POST", Path: "/hooks/demo/github", User: "alice",
		}}},
	}, f.err
}

func (f *fakeRefusals) Minutes(context.Context, time.Time, int) ([]refusal.Minute, error) {
	return nil, f.err
}

func (f *fakeRefusals) Limits(context.Context) ([]refusal.Limits, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	zone := report.Zone{Name: "user", Key: "{http.auth.user.id}", Rate: "10/s", Burst: 20, Interval: 0.1}
	older := zone
	older.Burst = 5
	return []refusal.Limits{
		{Gateway: "new", At: at, Limits: report.Limits{
			Zones:     []report.Zone{zone, {Name: "places", Key: "k", MaxInFlight: 3, Plans: []report.Plan{{Name: "gold", Rate: "1/s", Burst: 1}}}},
			Offenders: []report.Offender{{Zone: "user", Key: "bob", Refused: 2, First: now, Last: now}},
		}},
		{Gateway: "old", At: at.Add(-time.Minute), Limits: report.Limits{
			Zones: []report.Zone{older},
			Offenders: []report.Offender{
				{Zone: "user", Key: "alice", Refused: 7, First: now, Last: now}, {Zone: "user", Key: "past", Refused: 9, First: now, Last: now.Add(-time.Hour)},
			},
		}},
	}, f.err
}

func (f *fakeRefusals) Processes(context.Context) ([]refusal.Process, error) {
	return []refusal.Process{{Instance: "host/7", SeenAt: at, Process: report.Process{
		Service: "botgate", Version: "1.2.3", StartedAt: at, Status: "ready", Checks: map[string]string{"queue": "spooling"},
	}}}, f.err
}

func (f *fakeRefusals) Erase(_ context.Context, user string) error {
	f.erased = append(f.erased, user)
	return f.err
}

func TestListRefusals(t *testing.T) {
	t.Parallel()
	kept := &fakeRefusals{}
	h := handler(t, Config{Refusals: kept})
	w := ask(t, h, "GET", "/v1/refusals?handler=bot_signature&platform=github&from=2026-03-04T05:00:00Z&to=2026-03-04T06:00:00Z&step=10m&limit=3")
	require.Equal(t, 200, w.Code, w.Body)
	require.JSONEq(t, `{"from":"2026-03-04T05:00:00Z","to":"2026-03-04T06:00:00Z","step_seconds":600,"total":7,"lumped":2,"others":1,
		"refusals":[{"handler":"bot_signature","reason":"signature_mismatch","platform":"github","bot":"demo","count":6,"lumped":2,
			"first":"2026-03-04T05:06:00Z","last":"2026-03-04T05:06:00Z"}],
		"points":[{"at":"2026-03-04T05:06:00Z","count":7}],"searched_to":"2026-03-04T05:06:00Z",
		"samples":[{"handler":"bot_signature","reason":"signature_mismatch","platform":"github","bot":"demo","at":"2026-03-04T05:06:07.000891Z",
			"requestid":"r","client":"192.0.2.7","method":"POST","path":"/hooks/demo/github","user":"alice","gateway":"host/1"}]}`, w.Body.String())
	hour := at.Truncate(time.Hour)
	require.Equal(t, refusal.Query{
		Refusal: report.Refusal{Handler: "bot_signature", Platform: "github"}, From: hour, To: hour.Add(time.Hour), Step: 10 * time.Minute, Samples: 3,
	}, kept.query)
	askAs(t, h, "GET", "/v1/refusals", "demo")
	require.Equal(t, "demo", kept.query.Bot, "a token for one bot")
	require.Equal(t, time.Hour, kept.query.To.Sub(kept.query.From))
	requireProblem(t, askAs(t, h, "GET", "/v1/refusals?bot=other", "demo"), 403, "other-bot")
	requireProblem(t, ask(t, h, "GET", "/v1/refusals?from=8d"), 400, "malformed")
	requireProblem(t, ask(t, h, "GET", "/v1/refusals?step=1s"), 400, "malformed")
	requireProblem(t, ask(t, handler(t, Config{}), "GET", "/v1/refusals"), 404, "not-found")
}

// TestErasedUsersAreInNoRefusal erases samples, too.
func TestErasedUsersAreInNoRefusal(t *testing.T) {
	t.Parallel()
	kept := &fakeRefusals{}
	cfg := usersConfig(t, record("", nil), nil)
	cfg.Refusals = kept
	require.Equal(t, 200, ask(t, handler(t, cfg), "DELETE", "/v1/users/alice/data").Code)
	require.Equal(t, []string{"alice"}, kept.erased)
	kept.err = refusal.ErrUnavailable
	requireProblem(t, ask(t, handler(t, cfg), "DELETE", "/v1/users/alice/data"), 503, "unavailable")
}

// TestLongestRange may be given as an age.
func TestLongestRange(t *testing.T) {
	t.Parallel()
	reader := &fakeReader{stats: []store.Minute{}}
	h := handler(t, Config{Reader: reader})
	for _, path := range []string{"/v1/stats", "/v1/bots/demo/stats"} {
		require.Equal(t, 200, ask(t, h, "GET", path+"?from=7d").Code, path)
		require.Equal(t, 7*24*time.Hour, reader.statsQuery.To.Sub(reader.statsQuery.From), "whole minutes up to the present one")
		requireProblem(t, ask(t, h, "GET", path+"?from=169h"), 400, "malformed")
	}
}
