package job_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
)

// discreet is a kind that counts, and whose jobs do not say how far once they are final.
type discreet struct{ counter }

func (discreet) Redact([]byte) ([]byte, error) { return []byte(`{"said":"nothing"}`), nil }

// TestDiscreet has jobs end in each way: what they were asked for with is gone, and a repeat is known all the same.
func TestDiscreet(t *testing.T) {
	t.Parallel()
	e := newEnv(t, discreet{counter{step: func(_ context.Context, r *job.Run, n int) error {
		if job := r.Job(); string(job.Parameters) == "2" && n == 1 {
			return errCut
		}
		return nil
	}}})
	j := e.jobs(e.engine)
	ask := func(steps, key string) *job.Job {
		made, _, err := j.Submit(t.Context(), job.Request{Kind: "count", Parameters: []byte(steps), Key: key})
		require.NoError(t, err)
		return made
	}
	done, failed, cancelled := ask("3", "a"), ask("2", "b"), ask("1", "c")
	require.Equal(t, "3", string(done.Parameters))
	_, err := j.Cancel(t.Context(), cancelled.ID, "")
	require.NoError(t, err)
	e.work(j)
	for _, after := range []*job.Job{
		e.awaitStatus(done.ID, job.StatusDone), e.awaitStatus(failed.ID, job.StatusFailed), e.awaitStatus(cancelled.ID, job.StatusCancelled),
	} {
		require.JSONEq(t, `{"said":"nothing"}`, string(after.Parameters))
	}
	require.Equal(t, done.ID, ask("3", "a").ID)
}
