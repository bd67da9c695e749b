package queuetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var activityCases = []testCase{
	{"what a bot has in flight is counted, and its oldest event known", botActivity},
	{"a replay makes no bot late, and hides no new event", replayActivity},
	{"what a bot has in other lanes is in flight, and does not make it late", laneActivity},
	{"the oldest event of Record is known until it is settled", recordActivity},
}

func botActivity(t *testing.T, e *env) {
	e.two()
	before := time.Now()
	e.publish(e.q, e.of(e.bot, "a"))
	after := time.Now()
	<-time.After(2 * time.Millisecond)
	e.publish(e.q, e.of(e.bot, "a"), e.of(e.bot, "b"))
	c := e.subscribe(e.q, queue.Dispatch)
	first := c.one()
	requireOldest := func(why string) {
		t.Helper()
		require.Eventually(t, func() bool {
			activity, err := e.q.Activity(t.Context())
			require.NoError(t, err)
			of := activity.Bots[e.bot]
			return of.InFlight > 0 && !of.Oldest.Before(before.Add(-time.Millisecond)) && !of.Oldest.After(after)
		}, patience, time.Millisecond, why)
	}
	requireOldest("it is in flight")
	c.retry(first, time.Second)
	requireOldest("it waits for its retry")
	require.NoError(t, c.Close())
	activity, err := e.q.Activity(t.Context())
	require.NoError(t, err)
	require.Zero(t, activity.Bots[e.bot].InFlight)
}

func laneActivity(t *testing.T, e *env) {
	e.consumes(e.bot, event.BulkOf(e.bot), event.LateAnswersOf(e.bot))
	c := e.subscribe(e.q, queue.Dispatch)
	e.publish(e.q, e.bulk(""))
	e.late(e.event(""))
	held := c.take(2)
	activity, err := e.q.Activity(t.Context())
	require.NoError(t, err)
	require.Equal(t, queue.BotActivity{InFlight: 2}, activity.Bots[e.bot])
	c.ack(held...)
}

func replayActivity(t *testing.T, e *env) {
	replayed := e.event("a")
	e.publish(e.q, replayed)
	c := e.subscribe(e.q, queue.Dispatch)
	c.ack(c.one())
	e.redeliver(queue.Redelivery{Event: replayed, Replays: 1})
	again := c.one()
	activity, err := e.q.Activity(t.Context())
	require.NoError(t, err)
	require.NotZero(t, activity.Bots[e.bot].InFlight)
	require.Zero(t, activity.Bots[e.bot].Oldest, "it waits only since it was asked for")
	between := time.Now().Truncate(time.Microsecond)
	e.publish(e.q, e.event("a"))
	require.Eventually(t, func() bool {
		activity, err := e.q.Activity(t.Context())
		return err == nil && !activity.Bots[e.bot].Oldest.Before(between)
	}, patience, tick, "one waits behind the replay")
	c.ack(again)
	c.ack(c.one())
}

func recordActivity(t *testing.T, e *env) {
	c := e.subscribe(e.q, queue.Record)
	requireOldest := func(from, to time.Time, why string) {
		t.Helper()
		require.Eventually(t, func() bool {
			activity, err := e.q.Activity(t.Context())
			require.NoError(t, err)
			at, known := activity.Oldest[queue.Record]
			return known && !at.Before(from.Truncate(time.Microsecond)) && !at.After(to)
		}, patience, tick, why)
	}
	none := time.Time{}
	requireOldest(none, none, "there is nothing")
	before := time.Now()
	first := e.event("a")
	e.publish(e.q, first)
	between := time.Now()
	<-time.After(2 * time.Millisecond)
	second := e.event("a")
	e.publish(e.q, second)
	ds := c.take(2)
	requireOldest(before, between, "both are held")
	c.retry(ds[0], time.Second) // An engine may keep that time over the next subscription.
	requireOldest(before, between, "one waits for its retry")
	c.close()
	c = e.subscribe(e.q, queue.Record)
	for _, d := range c.take(2) {
		if d.Event.ID == first.ID {
			c.ack(d)
		}
	}
	requireOldest(second.Time, time.Now(), "the first is settled")
}
