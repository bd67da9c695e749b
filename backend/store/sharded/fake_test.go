package sharded

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// fake is an engine in memory: everything is worked out from the log when asked for.
type fake struct {
	// fail, when set, may refuse a call by its name.
	fail func(ctx context.Context, call string) error

	writing sync.RWMutex // Held by Fence alone, and by Append with others.
	mu      sync.Mutex
	log     map[string]store.Entry
	changes map[string][]string // The ids of changes, by that of their event.
	moved   map[int]string
	erased  map[string]time.Time
	calls   map[string]int
	mover   bool
	now     time.Time // Of the next entries; the clock when it is zero.
}

func newFake() *fake {
	return &fake{log: map[string]store.Entry{}, changes: map[string][]string{}, moved: map[int]string{}, erased: map[string]time.Time{}, calls: map[string]int{}}
}

var errAway = fmt.Errorf("%w: connection refused", store.ErrUnavailable)

func (f *fake) begin(ctx context.Context, call string) error {
	f.mu.Lock()
	f.calls[call]++
	fail := f.fail
	f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	if fail != nil {
		return fail(ctx, call)
	}
	return nil
}

// done lets the test fail a call that had its effect, like a commit whose answer is lost.
func (f *fake) done(ctx context.Context, call string) error {
	if f.fail != nil { // With the lock held.
		return f.fail(ctx, call+" done")
	}
	return nil
}

func (f *fake) setFail(fail func(ctx context.Context, call string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func (f *fake) called(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[call]
}

func (f *fake) Migrate(ctx context.Context) error { return f.begin(ctx, "Migrate") }
func (f *fake) Ready(ctx context.Context) error   { return f.begin(ctx, "Ready") }
func (f *fake) Close() error                      { return nil }
func (f *fake) SQL() sqldb.DB                     { return sqldb.DB{} }

func (f *fake) Append(ctx context.Context, events []*event.Event) ([]store.Entry, error) {
	if err := f.begin(ctx, "Append"); err != nil {
		return nil, err
	}
	entries, err := store.Entries(events)
	if err != nil {
		return nil, err
	}
	f.writing.RLock()
	defer f.writing.RUnlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range entries {
		if to, ok := f.moved[e.Bucket]; ok {
			return nil, fmt.Errorf("%w: %d to %s", store.ErrFenced, e.Bucket, to)
		}
	}
	at := f.now
	if at.IsZero() {
		at = store.Micros(time.Now())
	}
	var fresh []store.Entry
	for _, e := range entries {
		e.RecordedAt = at
		if f.insert(e) {
			fresh = append(fresh, e)
		}
	}
	return fresh, nil
}

func (f *fake) insert(e store.Entry) bool {
	_, known := f.log[e.ID]
	if known || e.EventTime.Before(f.erased[e.Subject]) {
		return false
	}
	f.log[e.ID] = e
	if e.Ref != "" && !slices.Contains(f.changes[e.Ref], e.ID) {
		f.changes[e.Ref] = append(f.changes[e.Ref], e.ID)
	}
	return true
}

// sorted returns copies of the entries that are wanted.
func (f *fake) sorted(want func(store.Entry) bool, order func(a, b store.Entry) int) []store.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []store.Entry
	for _, e := range f.log {
		if want(e) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, order)
	return all
}

// record is called with the lock.
func (f *fake) record(e store.Entry) *store.Record {
	r := &store.Record{Event: e.Event, RecordedAt: e.RecordedAt}
	state := e.State
	var changes []store.Entry
	for _, id := range f.changes[e.ID] {
		if c, ok := f.log[id]; ok {
			changes = append(changes, c)
		}
	}
	slices.SortFunc(changes, recorded)
	for _, c := range changes {
		state = state.Merge(c.State)
		change, _ := event.ParseChange(c.Event)
		r.Attempts = append(r.Attempts, change)
	}
	r.Status, r.AttemptCount, r.UpdatedAt = state.Status, state.Attempts, state.UpdatedAt
	return r
}

func (f *fake) Get(ctx context.Context, id string) (*store.Record, error) {
	if err := f.begin(ctx, "Get"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.log[id]
	if !ok || e.Ref != "" {
		return nil, store.ErrNotFound
	}
	return f.record(e), nil
}

func (f *fake) List(ctx context.Context, q store.Query) (*store.Page, error) {
	if err := f.begin(ctx, "List"); err != nil {
		return nil, err
	}
	page := &store.Page{}
	limit := min(max(q.Limit, 1), store.MaxLimit)
	backwards := func(a, b store.Entry) int {
		return cmp.Or(b.EventTime.Compare(a.EventTime), cmp.Compare(b.ID, a.ID))
	}
	events := f.sorted(func(e store.Entry) bool { return e.Ref == "" }, backwards)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		r := f.record(e)
		after := q.After == (store.Position{}) || newest(&store.Record{Event: &event.Event{Time: q.After.Time, ID: q.After.ID}}, r) < 0
		if !after || q.Bot != "" && q.Bot != e.Bot || q.Type != "" && q.Type != e.EventType ||
			q.Subject != "" && q.Subject != e.Subject || q.Status != "" && q.Status != r.Status {
			continue
		}
		if len(page.Records) == limit {
			next := position(page.Records[limit-1])
			page.Next = &next
			break
		}
		r.Attempts = nil
		page.Records = append(page.Records, r)
	}
	return page, nil
}

func (f *fake) User(ctx context.Context, q store.UserQuery) (*store.User, error) {
	if err := f.begin(ctx, "User"); err != nil {
		return nil, err
	}
	user := &store.User{Subject: q.Subject}
	var entries []store.Entry
	entries = append(entries, f.sorted(func(e store.Entry) bool { return e.Subject == q.Subject }, recorded)...)
	for _, c := range store.CountUsers(entries) {
		user.Bots = append(user.Bots, store.UserBot{Bot: c.Bot, Counts: c.Counts, First: c.First, Last: c.Last})
	}
	return user, nil
}

func (f *fake) Stats(ctx context.Context, q store.StatsQuery) ([]store.Minute, error) {
	if err := f.begin(ctx, "Stats"); err != nil {
		return nil, err
	}
	var parts [][]store.Minute
	for _, e := range f.sorted(func(e store.Entry) bool { return q.Bot == "" || q.Bot == e.Bot }, recorded) {
		parts = append(parts, []store.Minute{{Minute: e.Time.Truncate(time.Minute), Counts: store.CountsOf(e.State.Status), Duration: e.Took}})
	}
	return sumMinutes(append(parts, nil)), nil
}

func (f *fake) Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error) {
	if err := f.begin(ctx, "Log"); err != nil {
		return nil, err
	}
	after := store.Entry{Event: &event.Event{ID: q.After.ID}, RecordedAt: q.After.RecordedAt}
	all := f.sorted(func(e store.Entry) bool {
		return recorded(after, e) < 0 && (q.Bot == "" || q.Bot == e.Bot) && (q.Subject == "" || q.Subject == e.Subject)
	}, recorded)
	return all[:min(len(all), q.Limit)], nil
}

func (f *fake) Retain(ctx context.Context, before time.Time) (store.Retained, error) {
	days, err := f.Days(ctx)
	days = slices.DeleteFunc(days, func(day time.Time) bool { return day.Add(24 * time.Hour).After(before) })
	return store.Retained{Days: days}, err
}

func (f *fake) Days(ctx context.Context) ([]time.Time, error) {
	days := map[time.Time]bool{}
	for _, e := range f.sorted(func(store.Entry) bool { return true }, recorded) {
		days[store.Day(e.EventTime)] = true
	}
	return slices.SortedFunc(maps.Keys(days), time.Time.Compare), f.begin(ctx, "Days")
}

func (f *fake) Rebuild(ctx context.Context, day time.Time) (int64, error) {
	entries := f.sorted(func(e store.Entry) bool { return store.Day(e.EventTime).Equal(day) }, recorded)
	return int64(len(entries)), f.begin(ctx, "Rebuild")
}

func (f *fake) Erase(ctx context.Context, subject string, before time.Time) (e store.Erased, err error) {
	if err := f.begin(ctx, "Erase"); err != nil {
		return e, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.erased[subject] = before
	maps.DeleteFunc(f.log, func(_ string, entry store.Entry) bool {
		gone := entry.Subject == subject && entry.EventTime.Before(before)
		if gone && entry.Ref == "" {
			e.Events++
		}
		return gone
	})
	return e, nil
}

func byEvent(a, b store.Entry) int {
	return cmp.Or(a.EventTime.Compare(b.EventTime), cmp.Compare(a.ID, b.ID))
}

func (f *fake) ReadBuckets(ctx context.Context, buckets []int, after store.BucketPosition, since time.Time, limit int) ([]store.Entry, error) {
	if err := f.begin(ctx, "ReadBuckets"); err != nil {
		return nil, err
	}
	last := store.Entry{Event: &event.Event{ID: after.ID}, EventTime: after.EventTime}
	all := f.sorted(func(e store.Entry) bool {
		return slices.Contains(buckets, e.Bucket) && byEvent(last, e) < 0 && !e.RecordedAt.Before(since)
	}, byEvent)
	return all[:min(len(all), limit)], nil
}

func (f *fake) Import(ctx context.Context, entries []store.Entry) error {
	if err := f.begin(ctx, "Import"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range entries {
		f.insert(e)
	}
	return f.done(ctx, "Import")
}

func (f *fake) Fence(ctx context.Context, buckets []int, shard string, last func(context.Context) error) error {
	if err := f.begin(ctx, "Fence"); err != nil {
		return err
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	if last != nil {
		if err := last(ctx); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range buckets {
		if f.moved[b] = shard; shard == "" {
			delete(f.moved, b)
		}
	}
	return f.done(ctx, "Fence")
}

func (f *fake) Fences(ctx context.Context) (map[int]string, error) {
	if err := f.begin(ctx, "Fences"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.moved), nil
}

func (f *fake) DropFenced(ctx context.Context, buckets []int) error {
	if err := f.begin(ctx, "DropFenced"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range buckets {
		if f.moved[b] == "" {
			return errors.New("bucket was not handed over")
		}
	}
	maps.DeleteFunc(f.log, func(_ string, e store.Entry) bool { return slices.Contains(buckets, e.Bucket) })
	return f.done(ctx, "DropFenced")
}

func (f *fake) Erasures(ctx context.Context, after []byte, limit int) ([]store.Erasure, error) {
	if err := f.begin(ctx, "Erasures"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []store.Erasure
	for subject, before := range f.erased { // The fake keeps names where engines keep hashes.
		if bytes.Compare([]byte(subject), after) > 0 {
			all = append(all, store.Erasure{Hash: []byte(subject), Before: before})
		}
	}
	slices.SortFunc(all, func(a, b store.Erasure) int { return bytes.Compare(a.Hash, b.Hash) })
	return all[:min(len(all), limit)], nil
}

func (f *fake) ImportErasures(ctx context.Context, all []store.Erasure) error {
	if err := f.begin(ctx, "ImportErasures"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range all {
		if e.Before.After(f.erased[string(e.Hash)]) {
			f.erased[string(e.Hash)] = e.Before
		}
	}
	return nil
}

func (f *fake) LockMoves(ctx context.Context) (store.MoveLock, error) {
	if err := f.begin(ctx, "LockMoves"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mover {
		return nil, store.ErrMoveInProgress
	}
	f.mover = true
	return fakeLock{f}, nil
}

type fakeLock struct{ f *fake }

func (l fakeLock) Held(ctx context.Context) error { return l.f.begin(ctx, "Held") }

func (l fakeLock) Unlock() error {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	l.f.mover = false
	return nil
}
