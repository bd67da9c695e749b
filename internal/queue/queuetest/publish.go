package queuetest

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var publishCases = []testCase{
	{"comes out as it went in, after a restart", publishSurvivesRestart},
	{"reaches every group that it concerns", publishFansOut},
	{"of several events is one act", publishSeveral},
	{"of an invalid event queues nothing", publishInvalid},
	{"with a cancelled context queues nothing", publishCancelled},
	{"works from many callers at once", publishConcurrently},
	{"for one group reaches no other", publishToOneGroup},
	{"of what is scheduled reaches the record alone, until it is handed over", publishScheduled},
}

func publishScheduled(t *testing.T, e *env) {
	later, now := e.event("key"), e.event("key")
	later.Schedule(later.Time.Add(time.Hour))
	e.publish(e.q, later, now)
	record := e.subscribe(e.q, queue.Record)
	byID := map[string]*queue.Delivery{}
	for _, d := range record.take(2) {
		byID[d.Event.ID] = d
	}
	requireSame(t, later, byID[later.ID].Event)
	require.True(t, byID[later.ID].Event.IsScheduled())
	require.Equal(t, later.ScheduledAt, byID[later.ID].Event.ScheduledAt)
	record.ack(byID[later.ID], byID[now.ID])
	dispatch := e.subscribe(e.q, queue.Dispatch)
	d := dispatch.one()
	require.Equal(t, now.ID, d.Event.ID, "what is scheduled holds up nothing of its key")
	dispatch.ack(d)
	dispatch.none()

	due := *later
	require.ErrorIs(t, e.q.Redeliver(t.Context(), queue.Redelivery{Event: &due}), queue.ErrInvalid)
	due.ScheduledAt = time.Time{}
	e.redeliver(queue.Redelivery{Event: &due})
	d = dispatch.one()
	requireSame(t, &due, d.Event)
	require.True(t, d.Event.ForBot())
	dispatch.ack(d)
	e.redeliver(queue.Redelivery{Event: &due}) // As who was killed before it knew that it had done so.
	dispatch.none()
	record.none()
}

func publishSurvivesRestart(t *testing.T, e *env) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	full := e.event("key")
	full.Subject, full.OrderKey = "Zoë <zoe@example.com>", "канал; \"7\""
	full.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	full.RequestID = "4UUZX2TQ7C3JHN5OWMIB6RKYAE"
	full.Headers = "X-Slack-Signature: v0=\"ab\"\nX-Slack-Request-Timestamp: 1795168959\n"
	full.NotBefore = full.Time.Add(time.Minute)
	full.ContentType = "application/vnd.example+json; charset=utf-8"
	binary, empty, large, bare := e.event("binary"), e.event("empty"), e.event("large"), e.event("bare")
	binary.Data, binary.ContentType = every, "application/octet-stream"
	empty.Data = nil
	large.Data = bytes.Repeat(every, 1<<20/len(every))
	bare.Subject, bare.ContentType, bare.VerifiedBy = "", "", ""
	long := e.event(strings.Repeat("ü", event.MaxAttribute/2))
	sent := []*event.Event{full, binary, empty, large, bare, long}

	q := e.open()
	e.publish(q, sent...)
	require.NoError(t, q.Close())

	q = e.open()
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		c := e.subscribe(q, group)
		byID := map[string]*queue.Delivery{}
		for _, d := range c.take(len(sent)) {
			byID[d.Event.ID] = d
		}
		for _, want := range sent {
			require.Containsf(t, byID, want.ID, "group %s", group)
			requireSame(t, want, byID[want.ID].Event)
			require.Equal(t, 1, byID[want.ID].Attempt)
			require.Nil(t, byID[want.ID].Dead)
			c.ack(byID[want.ID])
		}
	}
}

func publishFansOut(t *testing.T, e *env) {
	first, last := e.event("key"), e.event("key")
	change := e.change(first)
	e.publish(e.q, first, change, last)

	record := e.subscribe(e.q, queue.Record)
	ds := record.take(3)
	require.ElementsMatch(t, []string{first.ID, change.ID, last.ID}, deliveredIDs(ds))
	record.ack(ds...)

	dispatch := e.subscribe(e.q, queue.Dispatch)
	for _, want := range []*event.Event{first, last} {
		d := dispatch.one()
		require.Equal(t, want.ID, d.Event.ID, "a change must not be dispatched")
		dispatch.ack(d)
	}
	for _, group := range groups {
		e.depth(e.q, group, 0)
	}
}

func publishSeveral(t *testing.T, e *env) {
	sent := e.events(50, "key")
	e.publish(e.q, sent...)
	e.publish(e.q) // Nothing to publish is no error.
	e.depth(e.q, queue.Record, 50)
	e.depth(e.q, queue.Dispatch, 50)
	ds := e.subscribe(e.q, queue.Record).take(50)
	require.ElementsMatch(t, idsOf(sent), deliveredIDs(ds))
}

func publishInvalid(t *testing.T, e *env) {
	valid, invalid, fence := e.event("key"), e.event("key"), e.event("key")
	invalid.Type = ""
	require.ErrorIs(t, e.q.Publish(t.Context(), valid, invalid), queue.ErrInvalid)
	require.ErrorIs(t, e.q.Publish(t.Context(), invalid, valid), queue.ErrInvalid)
	e.requireOnly(fence)
}

func publishCancelled(t *testing.T, e *env) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, e.q.Publish(ctx, e.event("key")), context.Canceled)
	e.requireOnly(e.event("key"))
}

// requireOnly publishes an event and demands that it is the only one in the queue.
func (e *env) requireOnly(fence *event.Event) {
	e.t.Helper()
	e.publish(e.q, fence)
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		c := e.subscribe(e.q, group)
		d := c.one()
		require.Equal(e.t, fence.ID, d.Event.ID)
		c.ack(d)
		e.depth(e.q, group, 0)
	}
}

func publishConcurrently(t *testing.T, e *env) {
	const callers, each = 32, 5
	handles := []queue.Queue{e.q, e.open()}
	var sent []*event.Event
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	work, publishing := errgroup.WithContext(ctx)
	for n := range callers {
		mine := e.events(each, "key-"+strconv.Itoa(n))
		sent = append(sent, mine...)
		work.Go(func() error {
			for _, ev := range mine {
				if err := handles[n%len(handles)].Publish(publishing, ev); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, work.Wait())
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		ids, err := e.empty(ctx, group)
		require.NoError(t, err)
		require.ElementsMatch(t, idsOf(sent), ids)
	}
}

func publishToOneGroup(t *testing.T, e *env) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	record, dispatch := e.subscribe(e.q, queue.Record), e.subscribe(e.q, queue.Dispatch)
	ev, whole := e.event("key"), e.event("key")
	require.NoError(t, e.q.PublishTo(ctx, queue.Record, ev))
	d := record.one()
	requireSame(t, ev, d.Event)
	record.ack(d)
	dispatch.none()
	require.NoError(t, e.q.PublishTo(ctx, queue.Dispatch, ev))
	e.publish(e.q, whole)
	require.NoError(t, e.q.PublishTo(ctx, queue.Dispatch, whole), "a repeat")
	for _, want := range []*event.Event{ev, whole} {
		d := dispatch.one()
		requireSame(t, want, d.Event)
		dispatch.ack(d)
	}
	record.ack(record.one())
	dispatch.none()
	record.none()
	require.ErrorIs(t, e.q.PublishTo(ctx, queue.Record, &event.Event{}), queue.ErrInvalid)
}
