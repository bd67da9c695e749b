package queue

import (
	"context"
	"errors"

	"github.com/botgate/botgate/internal/event"
)

// ErrNoDeadJobs is what burying in [Jobs] fails with: from the dead letters, a job would come
// back to a group that takes it for an event.
var ErrNoDeadJobs = errors.New("jobs have no dead letters")

// Jobber is a queue that also hands out work: messages for the group [Jobs], which are no
// events and belong to no other group and no history. The queues of both engines are.
//
// Jobs are delivered as events of Record are, but can't be buried; see [ErrNoDeadJobs].
type Jobber interface {
	Queue
	// PublishJobs is Publish for that group.
	PublishJobs(ctx context.Context, jobs ...*event.Event) error
}
