package console_test

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/pause"
	"github.com/botgate/botgate/backend/refusal"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/report"
)

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
