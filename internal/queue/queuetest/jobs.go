package queuetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var jobCases = []testCase{
	{"a job goes to the group of jobs only", jobsAlone},
	{"a job that is published again comes once", jobsOnce},
	{"a job outlasts a restart, and what was in hand", jobsOutlast},
	{"jobs are retried, and not buried", jobsSettle},
	{"what is no job to be is refused", jobsRefused},
}

func (e *env) publishJobs(q queue.Queue, jobs ...*event.Event) {
	e.t.Helper()
	jobber, ok := queue.As[queue.Jobber](q)
	require.True(e.t, ok, "the engine takes no jobs")
	require.NoError(e.t, jobber.PublishJobs(e.t.Context(), jobs...))
}

func jobsAlone(t *testing.T, e *env) {
	q := e.open()
	waiting := e.subscribe(q, queue.Jobs)
	record, dispatch := e.subscribe(e.q, queue.Record), e.subscribe(e.q, queue.Dispatch)
	jobs := e.events(3, "key")
	jobs[0].Data = []byte{0, 1, 2, 0xff}
	e.publishJobs(e.q, jobs...)
	got := waiting.take(3)
	require.ElementsMatch(t, idsOf(jobs), deliveredIDs(got))
	requireUntried(t, got...)
	for _, d := range got {
		if d.Event.ID == jobs[0].ID {
			requireSame(t, jobs[0], d.Event)
		}
	}
	record.none()
	dispatch.none()
	if e.h.History {
		require.Empty(t, e.history(e.q, queue.HistoryRange{}))
	}
	waiting.ack(got...)
	waiting.none()
	if e.h.History {
		require.Empty(t, e.history(e.q, queue.HistoryRange{}))
	}
}

func jobsOnce(t *testing.T, e *env) {
	job := e.event("key")
	e.publishJobs(e.q, job, job)
	e.publishJobs(e.q, job)
	c := e.subscribe(e.q, queue.Jobs)
	d := c.one()
	requireSame(t, job, d.Event)
	c.ack(d)
	e.publishJobs(e.q, job)
	c.none()
}

func jobsOutlast(t *testing.T, e *env) {
	q := e.open()
	jobs := e.events(4, "key")
	e.publishJobs(q, jobs...)
	c := e.subscribe(q, queue.Jobs)
	first := c.one()
	c.ack(first)
	c.take(2)
	require.NoError(t, q.Close())

	c = e.subscribe(e.open(), queue.Jobs)
	rest := c.take(3)
	require.ElementsMatch(t, idsOf(jobs), append(deliveredIDs(rest), first.Event.ID))
	requireUntried(t, rest...)
	c.ack(rest...)
	c.none()
}

func jobsSettle(t *testing.T, e *env) {
	job := e.event("key")
	e.publishJobs(e.q, job)
	c := e.subscribe(e.q, queue.Jobs)
	c.retry(c.one(), 0)
	d := c.one()
	require.Equal(t, 2, d.Attempt)
	require.ErrorIs(t, c.Bury(t.Context(), d, "refused"), queue.ErrNoDeadJobs)
	c.postpone(d, settling)
	d = c.one()
	requireSame(t, job, d.Event)
	parker, ok := c.Consumer.(queue.Parker)
	require.True(t, ok)
	require.Error(t, parker.Park(t.Context(), Lanes[0], d))
	c.ack(d)
	c.none()
}

func jobsRefused(t *testing.T, e *env) {
	jobber, ok := queue.As[queue.Jobber](e.q)
	require.True(t, ok)
	bad := e.event("key")
	bad.Type = ""
	require.ErrorIs(t, jobber.PublishJobs(t.Context(), e.event("key"), bad), queue.ErrInvalid)
	e.subscribe(e.q, queue.Jobs).none()
}
