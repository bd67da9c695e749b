package kind

import (
	"context"

	"github.com/botgate/botgate/backend/job"
)

// Missing is a kind of job that this installation can't do, and says why: a sentence that names the option to set.
type Missing string

var _ job.Kind = Missing("")

// Prepare implements [job.Kind]; it refuses all.
func (m Missing) Prepare([]byte, string) ([]byte, error) {
	return nil, job.BadParameter("%s", string(m))
}

// Run implements [job.Kind], for a job that was accepted where it could be done.
func (m Missing) Run(context.Context, *job.Run) (any, error) { return nil, job.Failed(string(m)) }
