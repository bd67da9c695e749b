package refusals

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/report"
)

// request is one from an address, with what must be in no report.
func request(path, client, user string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path+"?access_token=private", nil)
	r.Header.Set("Authorization", "Bearer private")
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, httptest.NewRecorder(), &caddyhttp.Server{})
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, client)
	repl.Set("http.auth.user.id", user)
	return r
}

// about is a request of a bot.
func about(bot string, r *http.Request) *http.Request {
	About(r, bot)
	return r
}

func known(bot string) bool { return bot == "demo" || bot == "other" }

func taken(t *testing.T, tally *Tally) *report.Report {
	t.Helper()
	r, err := report.New("g")
	require.NoError(t, err)
	tally.Take(r)
	return r
}

func count(r *report.Report, what report.Refusal) (found report.Count) {
	for _, c := range r.Counts {
		if c.Refusal == what {
			found = c
		}
	}
	return found
}

func TestCounts(t *testing.T) {
	t.Parallel()
	tally := NewTally()
	expired := report.Refusal{Handler: "bot_jwt", Reason: "expired"}
	for _, bot := range []string{"demo", "demo", "other", "secret-name"} {
		tally.Note(about(bot, request("/v1/bots/"+bot+"/commands", "192.0.2.7", "alice")), expired, known)
	}
	tally.Note(request("/v1/events/demo", "192.0.2.7", "alice"), expired, known)
	r := taken(t, tally)
	of := func(bot string) report.Refusal {
		return report.Refusal{Handler: "bot_jwt", Reason: "expired", Bot: bot}
	}
	require.Len(t, r.Counts, 3)
	require.Equal(t, []int64{2, 1, 2}, []int64{count(r, of("demo")).Count, count(r, of("other")).Count, count(r, of("")).Count})
	require.Len(t, r.Samples, maxOfClient)
	s := r.Samples[0]
	require.Equal(t, []string{"demo", "192.0.2.7", "POST", "/v1/bots/demo/commands", "alice"}, []string{s.Bot, s.Client, s.Method, s.Path, s.User})
	e, err := r.Event()
	require.NoError(t, err)
	require.NotContains(t, string(e.Data), "private")
	require.True(t, e.IsReport())
	read, err := report.Parse(e)
	require.NoError(t, err)
	require.Equal(t, r, read)
	require.False(t, tally.Take(new(report.Report)), "it was taken")
	(*Tally)(nil).Note(request("/", "", ""), expired, known)
}

// TestFlood has one sender try what a report has no room for, and another one be in it all the same.
func TestFlood(t *testing.T) {
	t.Parallel()
	tally := NewTally()
	flood := report.Refusal{Handler: "bot_signature", Reason: "signature_mismatch", Platform: "github"}
	for i := range 1000 {
		bot, client := fmt.Sprintf("bot-%d", i%100), fmt.Sprintf("192.0.2.%d", i%200)
		tally.Note(about(bot, request("/hooks", client, "")), flood, func(string) bool { return true })
	}
	quiet := []report.Refusal{
		{Handler: "bot_jwt", Reason: "revoked", Bot: "demo"}, {Handler: "bot_jwt", Reason: "bad_signature", Bot: "demo"},
	}
	for _, what := range quiet {
		tally.Note(about(what.Bot, request("/", "198.51.100.1", "")), what, known)
	}
	r := taken(t, tally)
	require.Len(t, r.Counts, report.MaxCounts+1+len(quiet))
	lumped := count(r, report.Refusal{Handler: flood.Handler, Reason: flood.Reason})
	require.EqualValues(t, 680, lumped.Count, "those of the bots beyond the bound")
	require.Equal(t, lumped.Count, lumped.Lumped)
	require.Len(t, r.Samples, report.MaxSamples)
	sampled := map[report.Refusal]bool{}
	for _, s := range r.Samples {
		sampled[s.Refusal] = true
	}
	for _, what := range quiet {
		require.True(t, sampled[what], what.Reason)
		require.EqualValues(t, 1, count(r, what).Count)
	}
}

// fakeQueue takes reports, or not.
type fakeQueue struct {
	mu        sync.Mutex
	err       error
	published []*event.Event
}

func (q *fakeQueue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = err
}

func (q *fakeQueue) all() []*event.Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.published)
}

func (q *fakeQueue) Publish(_ context.Context, events ...*event.Event) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.published = append(q.published, events...)
	return q.err
}

// TestReports sends nothing where there is nothing, and sends a report that may have got lost again.
func TestReports(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, tally := &fakeQueue{}, NewTally()
		process := func(context.Context) *report.Process { return &report.Process{Service: "botgate"} }
		r := Start(Config{Tally: tally, Publish: q.Publish, Process: process, Logger: slog.New(slog.DiscardHandler)})
		tick := func() {
			time.Sleep(every) //nolint:forbidigo // In the bubble it passes at once.
			synctest.Wait()
		}
		tick()
		require.Len(t, q.all(), 1, "that it is there")
		first, err := report.Parse(q.all()[0])
		require.NoError(t, err)
		require.Equal(t, []any{"botgate", 0}, []any{first.Process.Service, len(first.Counts)})
		tick()
		require.Len(t, q.all(), 1, "nothing is new")
		note := func() {
			tally.Note(request("/", "192.0.2.7", ""), report.Refusal{Handler: "bot_jwt", Reason: "expired"}, known)
		}
		q.fail(errors.New("away"))
		note()
		tick()
		note()
		note()
		tick()
		require.Len(t, q.all(), 3)
		require.Equal(t, q.all()[1].ID, q.all()[2].ID, "the same, so that it counts once")
		q.fail(nil)
		tick()
		require.Len(t, q.all(), 5)
		last, err := report.Parse(q.all()[4])
		require.NoError(t, err)
		require.EqualValues(t, 2, last.Counts[0].Count, "what came meanwhile")
		note()
		require.NoError(t, r.Close())
		require.Len(t, q.all(), 6, "the rest at the end")
	})
}

// fakeLimiter has a zone and an offender.
type fakeLimiter struct {
	zone  string
	reset []string
}

func (f *fakeLimiter) Zones() []report.Zone { return []report.Zone{{Name: f.zone, Key: "k"}} }

func (f *fakeLimiter) Offenders(int) []report.Offender {
	return []report.Offender{{Zone: "shared", Key: "alice", Refused: 3}, {Zone: f.zone, Key: "bob", Refused: 7}}
}

func (f *fakeLimiter) Spent(_ context.Context, _ string, zones ...string) ([]time.Duration, error) {
	spent := make([]time.Duration, len(zones))
	if i := slices.Index(zones, f.zone); i >= 0 {
		spent[i] = time.Second
	}
	return spent, nil
}

func (f *fakeLimiter) Reset(_ context.Context, zone, key string) error {
	f.reset = append(f.reset, zone+" "+key)
	return nil
}

// TestLimits are reported where they are new, with refusals, and now and then.
func TestLimits(t *testing.T) {
	t.Parallel()
	tally, first, second := NewTally(), &fakeLimiter{zone: "one"}, &fakeLimiter{zone: "two"}
	now := time.Now()
	take := func(at time.Duration) *report.Limits {
		made := &report.Report{At: now.Add(at)}
		tally.Take(made)
		return made.Limits
	}
	require.Nil(t, take(0), "there are none")
	stop := tally.Watch(first)
	tally.Watch(second)
	limits := take(time.Second)
	require.Equal(t, []report.Zone{{Name: "one", Key: "k"}, {Name: "two", Key: "k"}}, limits.Zones)
	require.Equal(t, []report.Offender{{Zone: "one", Key: "bob", Refused: 7}, {Zone: "two", Key: "bob", Refused: 7}, {Zone: "shared", Key: "alice", Refused: 3}}, limits.Offenders)
	require.Nil(t, take(2*time.Second), "nothing is new")
	require.NotNil(t, take(2*time.Second+repeatLimits))
	tally.Note(request("/", "192.0.2.7", ""), report.Refusal{Handler: "bot_rate_limit", Reason: "rate-limited"}, known)
	require.NotNil(t, take(3*time.Second+repeatLimits), "with refusals")
	require.NoError(t, tally.ResetLimit(t.Context(), "one", "bob"))
	require.Equal(t, []string{"one bob"}, first.reset)
	spent, err := tally.SpentLimits(t.Context(), "bob", "one", "other", "two")
	require.NoError(t, err)
	require.Equal(t, []time.Duration{time.Second, 0, time.Second}, spent)
	stop()
	require.Equal(t, []report.Zone{{Name: "two", Key: "k"}}, take(4*time.Second+repeatLimits).Zones, "as after a reload")
}
