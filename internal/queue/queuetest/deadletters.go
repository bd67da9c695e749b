package queuetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var deadCases = []testCase{
	{"listing takes nothing out", deadList},
	{"filters", deadFilters},
	{"pages show each once", deadPages},
	{"one by id, with its body", deadGet},
	{"outcomes travel with the event", deadOutcomes},
	{"dropping", deadDrop},
	{"two browse at once", deadTwoBrowsers},
	{"cursors of somebody else", deadCursor},
}

// kill publishes events and dead-letters them, each for its reason.
func (e *env) kill(q queue.Queue, reason func(i int) string, events ...*event.Event) {
	e.t.Helper()
	index := map[string]int{}
	for i, ev := range events {
		index[ev.ID] = i
	}
	e.publish(q, events...)
	c := e.subscribe(q, queue.Dispatch)
	for range events {
		d := c.one()
		c.deadLetter(d, reason(index[d.Event.ID]))
	}
	c.close()
	e.depth(q, queue.Dead, int64(len(events)))
	_, err := e.empty(e.t.Context(), queue.Record)
	require.NoError(e.t, err)
}

func refused(int) string { return "refused for good: the bot answered 410" }

// list returns all dead letters that match, over all pages.
func (e *env) list(q queue.Queue, query queue.DeadQuery) []*queue.DeadLetter {
	e.t.Helper()
	var all []*queue.DeadLetter
	for {
		page, err := q.ListDead(e.t.Context(), query)
		require.NoError(e.t, err)
		require.LessOrEqual(e.t, len(page.Letters), max(1, query.Limit))
		require.False(e.t, page.Truncated)
		all = append(all, page.Letters...)
		if page.Next == "" {
			return all
		}
		query.After = page.Next
	}
}

func (e *env) listIDs(query queue.DeadQuery) []string {
	e.t.Helper()
	ids := []string{}
	for _, l := range e.list(e.q, query) {
		ids = append(ids, l.Event.ID)
	}
	return ids
}

func deadList(t *testing.T, e *env) {
	sent := []*event.Event{e.event("a"), e.event("b")}
	require.Empty(t, e.list(e.q, queue.DeadQuery{Limit: 10}))
	before := time.Now()
	e.kill(e.q, refused, sent...)
	for range 3 {
		listed := e.list(e.q, queue.DeadQuery{Limit: 10})
		require.Len(t, listed, 2)
		for _, l := range listed {
			require.Contains(t, idsOf(sent), l.Event.ID)
			require.Equal(t, int64(len(sent[0].Data)), l.Size)
			require.Empty(t, l.Event.Data)
			require.Equal(t, sent[0].Type, l.Event.Type)
			require.Equal(t, queue.Dispatch, l.Group)
			require.Equal(t, refused(0), l.Reason)
			require.Equal(t, 1, l.Attempts)
			require.WithinRange(t, l.At, before.Add(-time.Second), time.Now().Add(time.Second))
		}
	}
	e.depth(e.q, queue.Dead, 2)
	c := e.subscribe(e.q, queue.Dead)
	require.ElementsMatch(t, idsOf(sent), deliveredIDs(c.take(2)))
}

func deadFilters(t *testing.T, e *env) {
	a, b := e.event("a"), e.event("b")
	b.Bot, b.Type, b.Subject = e.bot+"-b", "github.push", "user-2"
	e.consumes(a.Bot, b.Bot)
	start := time.Now().Add(-time.Minute)
	e.kill(e.q, func(i int) string { return []string{"unknown bot", "out of attempts: the bot answered 500"}[i] }, a, b)
	for name, c := range map[string]struct {
		filter queue.DeadFilter
		want   []string
	}{
		"none":         {queue.DeadFilter{}, []string{a.ID, b.ID}},
		"id":           {queue.DeadFilter{ID: b.ID}, []string{b.ID}},
		"bot":          {queue.DeadFilter{Bot: a.Bot}, []string{a.ID}},
		"type":         {queue.DeadFilter{Type: "github.push"}, []string{b.ID}},
		"user":         {queue.DeadFilter{Subject: "user-1"}, []string{a.ID}},
		"reason":       {queue.DeadFilter{Reason: "ANSWERED 500"}, []string{b.ID}},
		"since":        {queue.DeadFilter{Since: start}, []string{a.ID, b.ID}},
		"since later":  {queue.DeadFilter{Since: time.Now().Add(time.Minute)}, []string{}},
		"until before": {queue.DeadFilter{Until: start}, []string{}},
		"all of it":    {queue.DeadFilter{Bot: a.Bot, Type: "github.push"}, []string{}},
	} {
		require.ElementsMatch(t, c.want, e.listIDs(queue.DeadQuery{DeadFilter: c.filter, Limit: 10}), name)
	}
}

func deadPages(t *testing.T, e *env) {
	var sent []*event.Event
	for i := range 70 {
		sent = append(sent, e.event(fmt.Sprint(i)))
	}
	e.kill(e.q, refused, sent...)
	for _, limit := range []int{1000, 70, 33, 20} {
		require.ElementsMatch(t, idsOf(sent), e.listIDs(queue.DeadQuery{Limit: limit}), "pages of %d", limit)
	}
}

func deadGet(t *testing.T, e *env) {
	ev := e.event("key")
	ev.Data = []byte{0, 1, 2, 0xff}
	e.kill(e.q, refused, e.event("other"), ev)
	l, err := e.q.GetDead(t.Context(), ev.ID)
	require.NoError(t, err)
	requireSame(t, ev, l.Event)
	require.Equal(t, refused(0), l.Reason)
	_, err = e.q.GetDead(t.Context(), "nothing")
	require.ErrorIs(t, err, queue.ErrNotFound)
	e.depth(e.q, queue.Dead, 2)
}

func deadOutcomes(t *testing.T, e *env) {
	e.publish(e.q, e.event("key"))
	c := e.subscribe(e.q, queue.Dispatch)
	at := time.Now().UTC().Truncate(time.Microsecond)
	var want []queue.Outcome
	for n := 1; n <= queue.MaxOutcomes+2; n++ {
		d := c.one()
		require.Equal(t, want, d.Outcomes)
		outcome := queue.Outcome{Attempt: n, At: at.Add(time.Duration(n) * time.Second), StatusCode: 500 + n, Error: "the bot answered"}
		d.Note(outcome)
		if want = append(want, outcome); len(want) > queue.MaxOutcomes {
			want = slices.Delete(want, 1, 2) // The first one is kept.
		}
		if n == queue.MaxOutcomes+2 {
			c.deadLetter(d, "out of attempts")
			break
		}
		c.retry(d, 0)
	}
	e.depth(e.q, queue.Dead, 1)
	require.Equal(t, want, e.list(e.q, queue.DeadQuery{Limit: 10})[0].Outcomes)
	e.redrive(queue.DeadFilter{}, 1)
	require.Empty(t, c.one().Outcomes)
}

func deadDrop(t *testing.T, e *env) {
	sent := []*event.Event{e.event("a"), e.event("b"), e.event("c")}
	e.kill(e.q, refused, sent...)
	result, err := e.q.DropDead(t.Context(), queue.DeadQuery{DeadFilter: queue.DeadFilter{ID: sent[1].ID}, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, queue.DeadResult{Done: 1}, result)
	require.ElementsMatch(t, []string{sent[0].ID, sent[2].ID}, e.listIDs(queue.DeadQuery{Limit: 10}))
	e.depth(e.q, queue.Dead, 2)
	result, err = e.q.DropDead(t.Context(), queue.DeadQuery{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, queue.DeadResult{Done: 2}, result)
	e.depth(e.q, queue.Dead, 0)
	e.subscribe(e.q, queue.Dead).none()
}

// deadTwoBrowsers has several look through handles of their own at the same time.
func deadTwoBrowsers(t *testing.T, e *env) {
	var sent []*event.Event
	for i := range 20 {
		sent = append(sent, e.event(fmt.Sprint(i)))
	}
	e.kill(e.q, refused, sent...)
	type outcome struct {
		page *queue.DeadPage
		err  error
	}
	results := make(chan outcome, 4)
	other := e.open()
	for _, q := range []queue.Queue{e.q, e.q, other, other} {
		letters := q
		go func() {
			page, err := letters.ListDead(t.Context(), queue.DeadQuery{Limit: 100})
			results <- outcome{page, err}
		}()
	}
	for range cap(results) {
		got := <-results
		require.NoError(t, got.err)
		require.Len(t, got.page.Letters, len(sent))
	}
}

func deadCursor(t *testing.T, e *env) {
	_, err := e.q.ListDead(t.Context(), queue.DeadQuery{Limit: 1, After: "else"})
	require.ErrorIs(t, err, queue.ErrCursor)
}
