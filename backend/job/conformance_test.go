package job_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/job"
)

// openEngine returns an engine that is empty and ready. Two of one test have the same jobs, as two
// processes do.
type openEngine func(t *testing.T) job.Engine

// conformance checks that an engine does what [job.Engine] promises. Each test calls fresh once,
// for a place of its own.
func conformance(t *testing.T, fresh func(t *testing.T) openEngine) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, openEngine){
		"RoundTrip":    roundTrip,
		"CreateOnce":   createOnce,
		"Compare":      compare,
		"Parts":        parts,
		"List":         list,
		"Changed":      changed,
		"Due":          due,
		"Sweep":        sweep,
		"OneWinner":    oneWinner,
		"EndedContext": endedContext,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, fresh(t))
		})
	}
}

var start = time.Date(2026, 3, 4, 5, 6, 7, 891_000, time.UTC)

// made is the n-th job, created n seconds after the start.
func made(n int) *job.Job {
	at := start.Add(time.Duration(n) * time.Second)
	return &job.Job{
		ID: fmt.Sprintf("job-%03d", n), Kind: "export", Parameters: []byte(`{"a":"é\u0000"}`), Status: job.StatusQueued,
		CreatedAt: at, UpdatedAt: at, DueAt: at.Add(time.Minute), Version: fmt.Sprintf("v%d", n),
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}
}

func create(t *testing.T, e job.Engine, jobs ...*job.Job) {
	t.Helper()
	for _, j := range jobs {
		require.NoError(t, e.Create(t.Context(), j))
	}
}

func requireStored(t *testing.T, e job.Engine, want *job.Job) {
	t.Helper()
	got, err := e.Load(t.Context(), want.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func ids(jobs []*job.Job) []string {
	all := make([]string, len(jobs))
	for i, j := range jobs {
		all[i] = j.ID
	}
	return all
}

func roundTrip(t *testing.T, open openEngine) {
	one, other := open(t), open(t)
	require.NoError(t, one.Ready(t.Context()))
	_, err := one.Load(t.Context(), "job-001")
	require.ErrorIs(t, err, job.ErrNotFound)
	j := made(1)
	create(t, one, j)
	requireStored(t, other, j)
	j.Bot = "" // It does not change any more.
	next := *j
	next.Status, next.CancelAsked, next.Done, next.Total, next.Checkpoint = job.StatusRunning, true, 1<<40, 1<<41, "here\n\"é\""
	next.Parameters = []byte(`{"kept":1}`)
	next.Result, next.Error, next.Tries, next.Crashes, next.Owner = []byte(`{"x":1}`), "so", 3, 2, "owner"
	next.LeaseUntil, next.DueAt, next.UpdatedAt = start.Add(time.Hour), time.Time{}, start.Add(time.Microsecond)
	next.FinishedAt, next.Version = start.Add(2*time.Hour), "w"
	require.NoError(t, other.Store(t.Context(), &next, "v1"))
	requireStored(t, one, &next)
}

func createOnce(t *testing.T, open openEngine) {
	e := open(t)
	create(t, e, made(1))
	again := made(1)
	again.Kind = "other"
	require.ErrorIs(t, e.Create(t.Context(), again), job.ErrExists)
	requireStored(t, e, made(1))
}

func compare(t *testing.T, open openEngine) {
	e := open(t)
	create(t, e, made(1))
	next := made(1)
	next.Version, next.Parts = "w", 1
	require.ErrorIs(t, e.Store(t.Context(), next, "other", job.Part{Ref: "x", Size: 1}), job.ErrConflict)
	requireStored(t, e, made(1))
	found, err := e.Parts(t.Context(), "job-001", 0, 10)
	require.NoError(t, err)
	require.Empty(t, found, "nothing is written of what is refused")
	require.ErrorIs(t, e.Store(t.Context(), made(2), "v2"), job.ErrConflict)
}

func parts(t *testing.T, open openEngine) {
	e := open(t)
	create(t, e, made(1), made(2))
	var want []job.Part
	next := made(1)
	for n := range 5 {
		was := next.Version
		added := []job.Part{{Ref: fmt.Sprintf("a%d", n), Size: int64(n) << 33}, {Ref: "same", Size: 1}}
		want = append(want, added...)
		next.Parts, next.Version = len(want), fmt.Sprintf("p%d", n)
		require.NoError(t, e.Store(t.Context(), next, was, added...))
	}
	requireStored(t, e, next)
	all, err := e.Parts(t.Context(), "job-001", 0, 100)
	require.NoError(t, err)
	require.Equal(t, want, all)
	some, err := e.Parts(t.Context(), "job-001", 3, 4)
	require.NoError(t, err)
	require.Equal(t, want[3:7], some)
	none, err := e.Parts(t.Context(), "job-002", 0, 100)
	require.NoError(t, err)
	require.Empty(t, none)
}

func list(t *testing.T, open openEngine) {
	e := open(t)
	for n := range 10 {
		j := made(n)
		j.CreatedAt = start.Add(time.Duration(n/2) * time.Second) // Two of each time.
		if n%2 == 0 {
			j.Bot = "demo"
		}
		if n >= 7 {
			j.Status = job.StatusDone
		}
		create(t, e, j)
	}
	ask := func(q job.Query) []*job.Job {
		jobs, err := e.List(t.Context(), q)
		require.NoError(t, err)
		return jobs
	}
	var all []string
	for q := (job.Query{Limit: 3}); ; {
		page := ask(q)
		if len(page) == 0 {
			break
		}
		all = append(all, ids(page)...)
		q.After = page[len(page)-1].Position()
	}
	require.Equal(t, []string{"job-009", "job-008", "job-007", "job-006", "job-005", "job-004", "job-003", "job-002", "job-001", "job-000"}, all)
	require.Equal(t, []string{"job-008"}, ids(ask(job.Query{Bot: "demo", Status: job.StatusDone, Limit: 10})))
	require.Empty(t, ask(job.Query{Bot: "nobody", Limit: 10}))
}

func changed(t *testing.T, open openEngine) {
	e := open(t)
	create(t, e, made(3), made(1), made(2))
	next := made(1)
	next.UpdatedAt, next.Version = start.Add(time.Minute), "w"
	require.NoError(t, e.Store(t.Context(), next, "v1"))
	found, err := e.Changed(t.Context(), made(3).UpdatedAt, 10)
	require.NoError(t, err)
	require.Equal(t, []string{"job-001", "job-003"}, ids(found))
	require.Equal(t, next, found[0])
	found, err = e.Changed(t.Context(), start, 2)
	require.NoError(t, err)
	require.Equal(t, []string{"job-001", "job-003"}, ids(found))
}

func due(t *testing.T, open openEngine) {
	e := open(t)
	jobs := []*job.Job{made(3), made(1), made(2), made(4)}
	jobs[3].DueAt = time.Time{}
	create(t, e, jobs...)
	at := start.Add(time.Minute + 2*time.Second)
	found, err := e.Due(t.Context(), at, 10)
	require.NoError(t, err)
	require.Equal(t, []string{"job-001", "job-002"}, ids(found))
	require.Equal(t, made(1), found[0])
	found, err = e.Due(t.Context(), at, 1)
	require.NoError(t, err)
	require.Equal(t, []string{"job-001"}, ids(found))
}

func sweep(t *testing.T, open openEngine) {
	e := open(t)
	for n := range 6 {
		j := made(n)
		create(t, e, j)
		next := *j
		if n < 4 {
			next.FinishedAt = j.CreatedAt
		}
		next.Version, next.Parts = "w", 1
		require.NoError(t, e.Store(t.Context(), &next, j.Version, job.Part{Ref: "x", Size: 1}))
	}
	var removed int
	for range 3 {
		n, err := e.Sweep(t.Context(), start.Add(2*time.Second), 2)
		require.NoError(t, err)
		require.LessOrEqual(t, n, 2)
		removed += n
	}
	require.Equal(t, 3, removed)
	left, err := e.List(t.Context(), job.Query{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, []string{"job-005", "job-004", "job-003"}, ids(left))
	for n, want := range []int{0, 0, 0, 1, 1, 1} {
		found, err := e.Parts(t.Context(), made(n).ID, 0, 10)
		require.NoError(t, err)
		require.Len(t, found, want)
	}
}

// oneWinner has many write the same version at once.
func oneWinner(t *testing.T, open openEngine) {
	engines := []job.Engine{open(t), open(t)}
	create(t, engines[0], made(1))
	var won atomic.Int32
	var group errgroup.Group
	for n := range 12 {
		group.Go(func() error {
			next := made(1)
			next.Version, next.Parts = fmt.Sprintf("w%d", n), 1
			err := engines[n%2].Store(t.Context(), next, "v1", job.Part{Ref: next.Version, Size: 1})
			if err == nil {
				won.Add(1)
				return nil
			}
			require.ErrorIs(t, err, job.ErrConflict)
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, int32(1), won.Load())
	found, err := engines[0].Parts(t.Context(), "job-001", 0, 10)
	require.NoError(t, err)
	require.Len(t, found, 1)
}

func endedContext(t *testing.T, open openEngine) {
	e := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, e.Create(ctx, made(1)))
	_, err := e.Load(t.Context(), "job-001")
	require.ErrorIs(t, err, job.ErrNotFound)
}
