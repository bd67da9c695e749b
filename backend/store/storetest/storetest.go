// Package storetest is the conformance suite of [store.Store] and [store.Maintainer]. Every
// engine runs it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// Store is an engine under test. Its tests add a way to corrupt the read models.
type Store interface {
	store.Store
	store.Maintainer
	// Corrupt makes the read models wrong, so that they can be rebuilt: in each of them rows are
	// changed and missing, and there are counters for the user "ghost".
	Corrupt(ctx context.Context) error
}

// Open returns a new store, empty and ready, that is closed after the test.
type Open func(t *testing.T) Store

// Run checks what package store promises. Its tests run in parallel, each on new stores.
func Run(t *testing.T, open Open) {
	t.Helper()
	runTopic(t, "Append", appendCases, open)
	runTopic(t, "Data", dataCases, open)
	runTopic(t, "Refuse", refuseCases, open)
	runTopic(t, "Status", statusCases, open)
	runTopic(t, "List", listCases, open)
	runTopic(t, "Filter", filterCases, open)
	runTopic(t, "Concurrency", concurrencyCases, open)
	runTopic(t, "Lifecycle", lifecycleCases, open)
	runTopic(t, "Log", logCases, open)
	runTopic(t, "LogOrder", logOrderCases, open)
	runTopic(t, "User", userCases, open)
	runTopic(t, "Stats", statsCases, open)
	runTopic(t, "Retain", retainCases, open)
	runTopic(t, "Rebuild", rebuildCases, open)
	runTopic(t, "Erase", eraseCases, open)
	runTopic(t, "Schedule", scheduleCases, open)
	runTopic(t, "Together", togetherCases, open)
	runTopic(t, "Move", moveCases, func(t *testing.T) func() Store { return func() Store { return open(t) } })
}

// runTopic runs cases, each with what it needs.
func runTopic[Need any](t *testing.T, name string, cases map[string]func(*testing.T, Need), need func(*testing.T) Need) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		for name, run := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				run(t, need(t))
			})
		}
	})
}

// start is when the first event of every test was accepted.
var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// Event returns the n-th of a series of events, one millisecond apart, all attributes set.
func Event(n int) *event.Event {
	return &event.Event{
		ID:          fmt.Sprintf("00000000-0000-7000-8000-%012d", n),
		Bot:         "echo",
		Type:        "github.push",
		Subject:     "user-1",
		Time:        start.Add(time.Duration(n) * time.Millisecond),
		OrderKey:    "repository-1",
		VerifiedBy:  "github",
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		RequestID:   fmt.Sprintf("request-%d", n),
		Headers:     "X-Hub-Signature-256: sha256=ab\n",
		ContentType: "application/json",
		Data:        fmt.Appendf(nil, `{"n": %d}`, n),
	}
}

// Events returns the events from Event(0) to Event(n-1).
func Events(n int) []*event.Event {
	all := make([]*event.Event, n)
	for i := range all {
		all[i] = Event(i)
	}
	return all
}

// change returns the event that says how an attempt ended, one second after the other.
func change(t *testing.T, about *event.Event, status event.Status, attempt int) *event.Event {
	t.Helper()
	c := event.Change{Status: status, Attempt: attempt, At: about.Time.Add(time.Duration(attempt) * time.Second)}
	e, err := event.NewChange(about, c)
	require.NoError(t, err)
	return e
}

func add(t *testing.T, s store.Store, events ...*event.Event) {
	t.Helper()
	require.NoError(t, Append(t.Context(), s, events))
}

func get(t *testing.T, s store.Store, id string) *store.Record {
	t.Helper()
	r, err := s.Get(t.Context(), id)
	require.NoError(t, err)
	return r
}

func list(t *testing.T, s store.Store, q store.Query) *store.Page {
	t.Helper()
	p, err := s.List(t.Context(), q)
	require.NoError(t, err)
	return p
}

// pages follows a list to its end and returns the ids page by page.
func pages(t *testing.T, s store.Store, q store.Query) [][]string {
	t.Helper()
	var all [][]string
	for {
		p := list(t, s, q)
		all = append(all, ids(p))
		if p.Next == nil {
			return all
		}
		if q.Scan == 0 {
			require.Len(t, p.Records, q.Limit, "only the last page is short")
		}
		q.After = *p.Next
	}
}

func ids(p *store.Page) []string {
	all := make([]string, len(p.Records))
	for i, r := range p.Records {
		all[i] = r.Event.ID
	}
	return all
}

// Random returns a source whose seed is logged, to repeat a failure with.
func Random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// Entries makes entries of events, as [store.Distinct] has them.
func Entries(events []*event.Event) ([]store.Entry, error) {
	entries := make([]store.Entry, len(events))
	for i, e := range events {
		var err error
		if entries[i], err = store.NewEntry(e); err != nil {
			return nil, err
		}
	}
	return store.Distinct(entries), nil
}

// Appender is the part of [store.Store] that records.
type Appender interface {
	Append(ctx context.Context, entries []store.Entry) ([]store.Entry, error)
}

// Record is [store.Store.Append] for events.
func Record(ctx context.Context, s Appender, events []*event.Event) ([]store.Entry, error) {
	entries, err := Entries(events)
	if err != nil {
		return nil, err
	}
	return s.Append(ctx, entries)
}

// Append is [Record] for those who only want to know whether it worked.
func Append(ctx context.Context, s Appender, events []*event.Event) error {
	_, err := Record(ctx, s, events)
	return err
}

// Router is the part of a sharded store that records.
type Router interface {
	Appender
	ShardOf(e store.Entry) string
}

// RecordRouted records events as the role record does: those of each shard, and again by
// shard what moved meanwhile. It returns what any shard recorded, and the errors of the others.
func RecordRouted(ctx context.Context, s Router, events []*event.Event) (recorded []store.Entry, err error) {
	entries, err := Entries(events)
	for len(entries) > 0 {
		parts := map[string][]store.Entry{}
		for _, e := range entries {
			parts[s.ShardOf(e)] = append(parts[s.ShardOf(e)], e)
		}
		entries = nil
		for _, part := range parts {
			got, failed := s.Append(ctx, part)
			if recorded = append(recorded, got...); errors.Is(failed, store.ErrFenced) {
				entries, failed = append(entries, part...), nil
			}
			err = errors.Join(err, failed)
		}
	}
	return recorded, err
}
