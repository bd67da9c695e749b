package storetest

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

// Fake is an engine in memory: everything is worked out from the log when asked for.
type Fake struct {
	// fail, when set, may refuse a call by its name.
	fail func(ctx context.Context, call string) error

	writing sync.RWMutex // Held by Fence alone, and by Append with others.
	mu      sync.Mutex
	// Rows has the entries by id, Fenced the fences, and Erased the times by user.
	Rows    map[string]store.Entry
	Fenced  map[int]string
	Erased  map[string]time.Time
	changes map[string][]string // The ids of changes, by that of their event.
	calls   map[string]int
	// Locked is whether a move has the lock.
	Locked bool
}

// NewFake makes one that has nothing.
func NewFake() *Fake {
	return &Fake{Rows: map[string]store.Entry{}, changes: map[string][]string{}, Fenced: map[int]string{}, Erased: map[string]time.Time{}, calls: map[string]int{}}
}

func (f *Fake) begin(ctx context.Context, call string) error {
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
func (f *Fake) done(ctx context.Context, call string) error {
	if f.fail != nil { // With the lock held.
		return f.fail(ctx, call+" done")
	}
	return nil
}

// SetFail has fail refuse calls by an error: a call by its name, and one that had its effect, like a
// commit whose answer is lost, by its name and "done".
func (f *Fake) SetFail(fail func(ctx context.Context, call string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

// Called is how often a method was called.
func (f *Fake) Called(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[call]
}

// Migrate brings nothing up to date.
func (f *Fake) Migrate(ctx context.Context) error { return f.begin(ctx, "Migrate") }

// Ready implements [store.Store].
func (f *Fake) Ready(ctx context.Context) error { return f.begin(ctx, "Ready") }

// Close implements [store.Store].
func (f *Fake) Close() error { return nil }

// SQL returns no database.
func (f *Fake) SQL() sqldb.DB { return sqldb.DB{} }

// Append implements [store.Store].
func (f *Fake) Append(ctx context.Context, entries []store.Entry) ([]store.Entry, error) {
	if err := f.begin(ctx, "Append"); err != nil {
		return nil, err
	}
	entries = store.Distinct(entries)
	f.writing.RLock()
	defer f.writing.RUnlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range entries {
		if to, ok := f.Fenced[e.Bucket]; ok {
			return nil, fmt.Errorf("%w: %d to %s", store.ErrFenced, e.Bucket, to)
		}
	}
	at := store.Micros(time.Now())
	var fresh []store.Entry
	for _, e := range entries {
		e.RecordedAt = at
		if f.insert(e) {
			fresh = append(fresh, e)
		}
	}
	return fresh, nil
}

func (f *Fake) insert(e store.Entry) bool {
	_, known := f.Rows[e.ID]
	if known || e.EventTime.Before(f.Erased[e.Subject]) {
		return false
	}
	f.Rows[e.ID] = e
	if e.Ref != "" && !slices.Contains(f.changes[e.Ref], e.ID) {
		f.changes[e.Ref] = append(f.changes[e.Ref], e.ID)
	}
	return true
}

// sorted returns copies of the entries that are wanted.
func (f *Fake) sorted(want func(store.Entry) bool, order func(a, b store.Entry) int) []store.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []store.Entry
	for _, e := range f.Rows {
		if want(e) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, order)
	return all
}

// record is called with the lock.
func (f *Fake) record(e store.Entry) *store.Record {
	r := &store.Record{Event: e.Event, RecordedAt: e.RecordedAt}
	state := e.State
	var changes []store.Entry
	for _, id := range f.changes[e.ID] {
		if c, ok := f.Rows[id]; ok {
			changes = append(changes, c)
		}
	}
	slices.SortFunc(changes, byRecording)
	for _, c := range changes {
		state = state.Merge(c.State)
		change, _ := event.ParseChange(c.Event)
		r.Attempts = append(r.Attempts, change)
	}
	r.Status, r.AttemptCount, r.UpdatedAt = state.Status, state.Attempts, state.UpdatedAt
	return r
}

// Get implements [store.Store].
func (f *Fake) Get(ctx context.Context, id string) (*store.Record, error) {
	if err := f.begin(ctx, "Get"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.Rows[id]
	if !ok || e.Ref != "" {
		return nil, store.ErrNotFound
	}
	return f.record(e), nil
}

// List implements [store.Store].
func (f *Fake) List(ctx context.Context, q store.Query) (*store.Page, error) {
	if err := f.begin(ctx, "List"); err != nil {
		return nil, err
	}
	page := &store.Page{}
	limit := min(max(q.Limit, 1), store.MaxLimit)
	backwards := func(a, b store.Entry) int {
		return newestFirst(store.Position{Time: a.EventTime, ID: a.ID}, store.Position{Time: b.EventTime, ID: b.ID})
	}
	events := f.sorted(func(e store.Entry) bool { return e.Ref == "" }, backwards)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		r := f.record(e)
		after := q.After == (store.Position{}) || newestFirst(q.After, store.Position{Time: r.Event.Time, ID: r.Event.ID}) < 0
		if !after || q.Bot != "" && q.Bot != e.Bot || q.Type != "" && q.Type != e.EventType ||
			q.Subject != "" && q.Subject != e.Subject || q.Status != "" && q.Status != r.Status {
			continue
		}
		if len(page.Records) == limit {
			last := page.Records[limit-1].Event
			next := store.Position{Time: last.Time, ID: last.ID}
			page.Next = &next
			break
		}
		r.Attempts = nil
		page.Records = append(page.Records, r)
	}
	return page, nil
}

// User implements [store.Store].
func (f *Fake) User(ctx context.Context, q store.UserQuery) (*store.User, error) {
	if err := f.begin(ctx, "User"); err != nil {
		return nil, err
	}
	user := &store.User{Subject: q.Subject}
	var entries []store.Entry
	entries = append(entries, f.sorted(func(e store.Entry) bool { return e.Subject == q.Subject }, byRecording)...)
	for _, c := range store.CountUsers(entries) {
		user.Bots = append(user.Bots, store.UserBot{Bot: c.Bot, Counts: c.Counts, First: c.First, Last: c.Last})
	}
	return user, nil
}

// Stats implements [store.Store].
func (f *Fake) Stats(ctx context.Context, q store.StatsQuery) ([]store.Minute, error) {
	if err := f.begin(ctx, "Stats"); err != nil {
		return nil, err
	}
	var all []store.Minute
	for _, e := range f.sorted(func(e store.Entry) bool { return q.Bot == "" || q.Bot == e.Bot }, byRecording) {
		all = append(all, store.Minute{Minute: e.Time.Truncate(time.Minute), Counts: store.CountsOf(e.State.Status), Duration: e.Took})
	}
	return sumMinutes(all), nil
}

// Log implements [store.Store].
func (f *Fake) Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error) {
	if err := f.begin(ctx, "Log"); err != nil {
		return nil, err
	}
	after := store.Entry{Event: &event.Event{ID: q.After.ID}, RecordedAt: q.After.RecordedAt}
	all := f.sorted(func(e store.Entry) bool {
		return byRecording(after, e) < 0 && (q.Bot == "" || q.Bot == e.Bot) && (q.Subject == "" || q.Subject == e.Subject)
	}, byRecording)
	return all[:min(len(all), q.Limit)], nil
}

// Retain implements [store.Maintainer].
func (f *Fake) Retain(ctx context.Context, before time.Time) (store.Retained, error) {
	days, err := f.Days(ctx)
	days = slices.DeleteFunc(days, func(day time.Time) bool { return day.Add(24 * time.Hour).After(before) })
	return store.Retained{Days: days}, err
}

// Days implements [store.Maintainer].
func (f *Fake) Days(ctx context.Context) ([]time.Time, error) {
	days := map[time.Time]bool{}
	for _, e := range f.sorted(func(store.Entry) bool { return true }, byRecording) {
		days[store.Day(e.EventTime)] = true
	}
	return slices.SortedFunc(maps.Keys(days), time.Time.Compare), f.begin(ctx, "Days")
}

// Rebuild implements [store.Maintainer].
func (f *Fake) Rebuild(ctx context.Context, day time.Time) (int64, error) {
	entries := f.sorted(func(e store.Entry) bool { return store.Day(e.EventTime).Equal(day) }, byRecording)
	return int64(len(entries)), f.begin(ctx, "Rebuild")
}

// Erase implements [store.Maintainer].
func (f *Fake) Erase(ctx context.Context, subject string, before time.Time) (e store.Erased, err error) {
	if err := f.begin(ctx, "Erase"); err != nil {
		return e, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Erased[subject] = before
	maps.DeleteFunc(f.Rows, func(_ string, entry store.Entry) bool {
		gone := entry.Subject == subject && entry.EventTime.Before(before)
		if gone && entry.Ref == "" {
			e.Events++
		}
		return gone
	})
	return e, nil
}

func newestFirst(a, b store.Position) int {
	return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.ID, a.ID))
}

func byRecording(a, b store.Entry) int {
	return cmp.Or(a.RecordedAt.Compare(b.RecordedAt), cmp.Compare(a.ID, b.ID))
}

// sumMinutes adds up what happened in the same minute.
func sumMinutes(all []store.Minute) (sum []store.Minute) {
	slices.SortStableFunc(all, func(a, b store.Minute) int { return a.Minute.Compare(b.Minute) })
	for _, m := range all {
		if n := len(sum); n > 0 && sum[n-1].Minute.Equal(m.Minute) {
			sum[n-1].Counts.Add(m.Counts, 1)
			sum[n-1].Duration += m.Duration
			continue
		}
		sum = append(sum, m)
	}
	return sum
}

func byEvent(a, b store.Entry) int {
	return cmp.Or(a.EventTime.Compare(b.EventTime), cmp.Compare(a.ID, b.ID))
}

// ReadBuckets implements [store.Maintainer].
func (f *Fake) ReadBuckets(ctx context.Context, buckets []int, after store.BucketPosition, since time.Time, limit int) ([]store.Entry, error) {
	if err := f.begin(ctx, "ReadBuckets"); err != nil {
		return nil, err
	}
	last := store.Entry{Event: &event.Event{ID: after.ID}, EventTime: after.EventTime}
	all := f.sorted(func(e store.Entry) bool {
		return slices.Contains(buckets, e.Bucket) && byEvent(last, e) < 0 && !e.RecordedAt.Before(since)
	}, byEvent)
	return all[:min(len(all), limit)], nil
}

// Import implements [store.Maintainer].
func (f *Fake) Import(ctx context.Context, entries []store.Entry) error {
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

// Fence implements [store.Maintainer].
func (f *Fake) Fence(ctx context.Context, buckets []int, shard string, last func(context.Context) error) error {
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
		if f.Fenced[b] = shard; shard == "" {
			delete(f.Fenced, b)
		}
	}
	return f.done(ctx, "Fence")
}

// Fences implements [store.Maintainer].
func (f *Fake) Fences(ctx context.Context) (map[int]string, error) {
	if err := f.begin(ctx, "Fences"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.Fenced), nil
}

// DropFenced implements [store.Maintainer].
func (f *Fake) DropFenced(ctx context.Context, buckets []int) error {
	if err := f.begin(ctx, "DropFenced"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range buckets {
		if f.Fenced[b] == "" {
			return errors.New("bucket was not handed over")
		}
	}
	maps.DeleteFunc(f.Rows, func(_ string, e store.Entry) bool { return slices.Contains(buckets, e.Bucket) })
	return f.done(ctx, "DropFenced")
}

// Erasures implements [store.Maintainer].
func (f *Fake) Erasures(ctx context.Context, after []byte, limit int) ([]store.Erasure, error) {
	if err := f.begin(ctx, "Erasures"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []store.Erasure
	for subject, before := range f.Erased { // The fake keeps names where engines keep hashes.
		if bytes.Compare([]byte(subject), after) > 0 {
			all = append(all, store.Erasure{Hash: []byte(subject), Before: before})
		}
	}
	slices.SortFunc(all, func(a, b store.Erasure) int { return bytes.Compare(a.Hash, b.Hash) })
	return all[:min(len(all), limit)], nil
}

// ImportErasures implements [store.Maintainer].
func (f *Fake) ImportErasures(ctx context.Context, all []store.Erasure) error {
	if err := f.begin(ctx, "ImportErasures"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range all {
		if e.Before.After(f.Erased[string(e.Hash)]) {
			f.Erased[string(e.Hash)] = e.Before
		}
	}
	return nil
}

// LockMoves implements [store.Maintainer].
func (f *Fake) LockMoves(ctx context.Context) (store.MoveLock, error) {
	if err := f.begin(ctx, "LockMoves"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Locked {
		return nil, store.ErrMoveInProgress
	}
	f.Locked = true
	return fakeLock{f}, nil
}

type fakeLock struct{ f *Fake }

// Held implements [store.MoveLock].
func (l fakeLock) Held(ctx context.Context) error { return l.f.begin(ctx, "Held") }

// Unlock implements [store.MoveLock].
func (l fakeLock) Unlock() error {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	l.f.Locked = false
	return nil
}
