package api

import (
	"context"
	"iter"
	"time"

	"github.com/botgate/botgate/backend/job"
)

// fakeJobs has two jobs: "done" with a file, and "queued". Its error is for everything.
type fakeJobs struct{ err error }

func (f fakeJobs) job(id string) (*job.Job, error) {
	j := &job.Job{ID: id, Kind: "export", Parameters: []byte(`{}`), Status: job.StatusQueued, CreatedAt: at, UpdatedAt: at}
	switch {
	case f.err != nil:
		return nil, f.err
	case id == "done":
		j.Status, j.Parts, j.Done, j.Total, j.Result, j.FinishedAt = job.StatusDone, 1, 2, 2, []byte(`{"events":2}`), at
	case id != "queued":
		return nil, job.ErrNotFound
	}
	return j, nil
}

func (f fakeJobs) Submit(_ context.Context, r job.Request) (*job.Job, bool, error) {
	j, err := f.job("queued")
	if err == nil {
		j.AskedBy = r.AskedBy
	}
	switch {
	case err == nil && r.Key == "other":
		err = job.ErrKeyReused
	case err == nil && r.Bot != "":
		err = job.ErrForbidden
	}
	return j, r.Key == "", err
}

func (f fakeJobs) Get(_ context.Context, id, _ string) (*job.Job, error) { return f.job(id) }

func (f fakeJobs) List(context.Context, job.Query) ([]*job.Job, error) {
	done, err := f.job("done")
	if err != nil {
		return nil, err
	}
	queued, err := f.job("queued")
	return []*job.Job{queued, done}, err
}

func (f fakeJobs) Changed(ctx context.Context, _ time.Time, _ int) ([]*job.Job, error) {
	return f.List(ctx, job.Query{})
}

func (f fakeJobs) Cancel(_ context.Context, id, _ string) (*job.Job, error) {
	j, err := f.job(id)
	if err == nil && j.Status.Final() {
		err = job.ErrFinished
	}
	return j, err
}

func (f fakeJobs) File(_ context.Context, id, _ string) (job.File, iter.Seq2[[]byte, error], error) {
	j, err := f.job(id)
	if err == nil && j.Parts == 0 {
		err = job.ErrNoFile
	}
	parts := func(yield func([]byte, error) bool) { yield([]byte("{}\n"), nil) }
	return job.File{Name: "events.ndjson", ContentType: "application/x-ndjson"}, parts, err
}
