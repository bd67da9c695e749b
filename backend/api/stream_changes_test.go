package api

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/refusal"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/report"
)

// changingJobs are jobs that a test changes.
type changingJobs struct {
	fakeJobs

	mu    sync.Mutex
	jobs  []*job.Job
	looks int
}

func (c *changingJobs) set(id, bot string, status job.Status, done int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jobs = slices.DeleteFunc(c.jobs, func(j *job.Job) bool { return j.ID == id })
	j := &job.Job{ID: id, Kind: "export", Parameters: []byte(`{}`), Bot: bot, Status: status, Done: done, UpdatedAt: time.Now()}
	c.jobs = slices.Insert(c.jobs, 0, j)
}

func (c *changingJobs) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (c *changingJobs) Changed(context.Context, time.Time, int) ([]*job.Job, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	return slices.Clone(c.jobs), c.err
}

func (c *changingJobs) looked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.looks
}

func (c *changingJobs) Get(_ context.Context, id, bot string) (*job.Job, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, j := range c.jobs {
		if j.ID == id && (bot == "" || j.Bot == bot) {
			return j, nil
		}
	}
	return nil, job.ErrNotFound
}

// data is what a follower got, without the members of time.
func (f *follower) data() (all []string) {
	for _, line := range f.written() {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			all = append(all, strings.Split(data, `,"created_at"`)[0])
		}
	}
	return all
}

func TestStreamOfJobs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		jobs := &changingJobs{}
		jobs.set("old", "demo", job.StatusDone, 7)
		a := newLog(t).api(t, Config{Jobs: jobs})
		jobs.set("one", "demo", job.StatusQueued, 0)
		all, demo, one := followAt(t.Context(), a, "/v1/jobs/stream", ""), followAt(t.Context(), a, "/v1/jobs/stream", "", "demo"), followAt(t.Context(), a, "/v1/jobs/stream?id=one", "")
		pass(0)
		require.Equal(t, []string{"retry: 2000", ""}, all.written(), "it begins now")
		jobs.set("one", "demo", job.StatusRunning, 1)
		jobs.set("two", "other", job.StatusQueued, 0)
		pass(2 * time.Second)
		require.Equal(t, []string{"one", "two"}, all.got())
		require.Equal(t, []string{"one"}, demo.got())
		require.Equal(t, []string{"one"}, one.got())
		require.Contains(t, all.written(), "event: job")
		require.Equal(t, `{"id":"one","kind":"export","parameters":{},"status":"running","done":1`, all.data()[0])

		jobs.fail(store.ErrUnavailable)
		jobs.set("one", "demo", job.StatusRunning, 2)
		pass(5 * time.Second)
		jobs.set("one", "demo", job.StatusDone, 3)
		require.Equal(t, []string{"one"}, one.got())
		jobs.fail(nil)
		pass(5 * time.Second)
		require.Equal(t, []string{"one", "one"}, one.got(), "changes that nobody saw are one")
		require.Less(t, jobs.looked(), 20, "streams share what is looked for")
		pass(streamBeat)
		require.Contains(t, one.written(), ": beat")
		for _, f := range []*follower{all, demo, one} {
			f.leave()
		}
		require.Empty(t, a.streams)
	})
}

func TestStreamOfJobsRefusals(t *testing.T) {
	t.Parallel()
	jobs := &changingJobs{}
	jobs.set("one", "demo", job.StatusQueued, 0)
	a := newLog(t).api(t, Config{Jobs: jobs, MaxStreams: 1})
	requireProblem(t, ask(t, a, "GET", "/v1/jobs/stream?bot=demo"), 400, "malformed")
	requireProblem(t, ask(t, a, "GET", "/v1/jobs/stream?id=two"), 404, "unknown-job")
	requireProblem(t, askAs(t, a, "GET", "/v1/jobs/stream?id=one", "other"), 404, "unknown-job")
	requireProblem(t, ask(t, a, "HEAD", "/v1/jobs/stream"), 405, "method-not-allowed")
	jobs.fail(job.ErrUnavailable)
	requireProblem(t, ask(t, a, "GET", "/v1/jobs/stream"), 503, "unavailable")
	a.streams <- struct{}{}
	requireProblem(t, ask(t, a, "GET", "/v1/jobs/stream"), 503, "busy")
}

// changingRefusals are what gateways refused so far.
type changingRefusals struct {
	fakeRefusals

	mu      sync.Mutex
	minutes []refusal.Minute
}

func (c *changingRefusals) set(at time.Time, bot string, count int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.minutes = slices.DeleteFunc(c.minutes, func(m refusal.Minute) bool { return m.At.Equal(at) && m.Bot == bot })
	what := report.Refusal{Handler: "bot_jwt", Reason: "expired", Bot: bot}
	c.minutes = slices.Insert(c.minutes, 0, refusal.Minute{Count: report.Count{Refusal: what, Count: count}, At: at})
}

func (c *changingRefusals) Minutes(context.Context, time.Time, int) ([]refusal.Minute, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.minutes), nil
}

func TestStreamOfRefusals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		minute := at.Truncate(time.Minute)
		kept := &changingRefusals{}
		kept.set(minute, "demo", 3)
		a := newLog(t).api(t, Config{Refusals: kept})
		const path = "/v1/refusals/stream"
		all, demo, other := followAt(t.Context(), a, path, ""), followAt(t.Context(), a, path, "", "demo"), followAt(t.Context(), a, path+"?reason=mismatch", "")
		pass(0)
		kept.set(minute, "demo", 5)
		kept.set(minute.Add(time.Minute), "", 2)
		pass(2 * time.Second)
		require.Equal(t, []string{
			`{"handler":"bot_jwt","reason":"expired","bot":"demo","count":5,"minute":"2026-03-04T05:06:00Z","new":2}`,
			`{"handler":"bot_jwt","reason":"expired","count":2,"minute":"2026-03-04T05:07:00Z","new":2}`,
		}, all.data())
		require.Equal(t, all.data()[:1], demo.data())
		require.Empty(t, other.data())
		for _, f := range []*follower{all, demo, other} {
			f.leave()
		}
		requireProblem(t, askAs(t, a, "GET", path+"?bot=demo", "other"), 403, "other-bot")
		requireProblem(t, ask(t, a, "GET", path+"?user=x"), 400, "malformed")
	})
}
