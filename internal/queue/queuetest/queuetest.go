// Package queuetest is the conformance suite of the queue: what it demands is what a
// [queue.Queue] means. Every engine runs it.
package queuetest

import (
	"testing"

	"github.com/botgate/botgate/internal/queue"
)

// Harness gives access to one queue that nobody else uses.
type Harness struct {
	// Open returns a new handle on the queue, as another process would have it; what
	// was published through one handle is seen by all. It registers a cleanup that
	// closes the handle, which the test may have done before.
	Open func(t *testing.T) queue.Queue
	// History says that the handles retain a history.
	History bool
	// Answers says that answers go from one handle to another, and not only back to the own.
	Answers bool
	// Exact says that Depths counts what a handle gives back, from the moment that it is closed: a queue
	// with a depth of zero is empty, and nobody needs to listen whether something still comes.
	Exact bool
}

type testCase struct {
	name string
	run  func(*testing.T, *env)
}

type topic struct {
	name  string
	cases []testCase
}

// Run checks that the queue does what the package queue promises. It asks for one
// harness only, because setting up a queue is slow on some engines: the tests run one
// after another, each with a bot of its own, and leave the queue empty.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	h := open(t)
	shared := openReady(t, h)
	topics := []topic{
		{"Publish", publishCases},
		{"Duplicates", duplicateCases},
		{"Settle", settleCases},
		{"Answer", answerCases},
		{"Retry", retryCases},
		{"DeadLetter", deadLetterCases},
		{"Redrive", redriveCases},
		{"Redeliver", redeliveryCases},
		{"Missing", missingCases},
		{"Order", orderCases},
		{"Share", shareCases},
		{"Bots", botCases},
		{"Bulk", bulkCases},
		{"Activity", activityCases},
		{"Adjust", adjustCases},
		{"Park", parkCases},
		{"Receive", receiveCases},
		{"Lifecycle", lifecycleCases},
	}
	if h.History {
		topics = append(topics, topic{"History", historyCases})
	}
	for _, topic := range topics {
		t.Run(topic.name, func(t *testing.T) {
			for _, c := range topic.cases {
				t.Run(c.name, func(t *testing.T) { c.run(t, newEnv(t, h, shared)) })
			}
		})
	}
}
