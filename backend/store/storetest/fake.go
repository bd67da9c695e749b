package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
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
	if known || e.AcceptedAt().Before(f.Erased[e.Subject]) {
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
		if change.Status == event.StatusRepeated {
			r.Repeats = append(r.Repeats, change.At)
			continue
		}
		r.Attempts = append(r.Attempts, change)
	}
	r.Last, r.Size = store.Last(r.Attempts), len(e.Data)
	r.Status, r.AttemptCount, r.Replays, r.UpdatedAt = state.Status, state.Attempts, state.Replays, state.UpdatedAt
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
	limit := q.Size()
	at := func(e store.Entry) store.Position { return store.Position{Time: e.EventTime, ID: e.ID} }
	events := f.sorted(func(e store.Entry) bool { return e.Ref == "" }, func(a, b store.Entry) int { return q.Compare(at(a), at(b)) })
	f.mu.Lock()
	defer f.mu.Unlock()
	scanned, scannedTo := 0, store.Position{}
	for _, e := range events {
		r := f.record(e)
		if q.Scan > 0 && (q.After == (store.Position{}) || q.Compare(q.After, r.Position()) < 0) {
			if scanned++; scanned > q.Scan { // What was looked through ends before this event.
				page.Next = new(scannedTo)
				break
			}
			scannedTo = r.Position()
		}
		if !f.wanted(q, e, r) {
			continue
		}
		if len(page.Records) == limit {
			next := page.Records[limit-1].Position()
			page.Next = &next
			break
		}
		r.Attempts, r.Repeats = nil, nil
		page.Records = append(page.Records, r)
	}
	return page, nil
}

// wanted reports whether a list has an event.
func (f *Fake) wanted(q store.Query, e store.Entry, r *store.Record) bool {
	is := func(wanted, has string) bool { return wanted == "" || wanted == has }
	return (q.After == (store.Position{}) || q.Compare(q.After, r.Position()) < 0) &&
		!e.EventTime.Before(q.From) && (q.To.IsZero() || e.EventTime.Before(q.To)) &&
		is(q.Bot, e.Bot) && is(q.Type, e.EventType) && is(q.Subject, e.Subject) && is(q.VerifiedBy, e.VerifiedBy) && is(q.OrderKey, e.OrderKey) &&
		(strings.HasPrefix(e.ID, q.Search) || strings.HasPrefix(e.Subject, q.Search) || e.OrderKey == q.Search) &&
		(len(q.Statuses) == 0 || slices.Contains(q.Statuses, r.Status))
}

// Count implements [store.Store].
func (f *Fake) Count(ctx context.Context, status event.Status, limit int) (int64, error) {
	if err := f.begin(ctx, "Count"); err != nil {
		return 0, err
	}
	events := f.sorted(func(e store.Entry) bool { return e.Ref == "" }, byRecording)
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, e := range events {
		if f.record(e).Status == status {
			n++
		}
	}
	return int64(min(n, limit)), nil
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

// Users implements [store.Store].
func (f *Fake) Users(ctx context.Context, q store.UsersQuery) (*store.UsersPage, error) {
	if err := f.begin(ctx, "Users"); err != nil {
		return nil, err
	}
	var names []string
	for _, e := range f.sorted(func(e store.Entry) bool {
		return e.Subject != "" && e.Subject > q.After && strings.HasPrefix(e.Subject, q.Prefix) && (q.Bot == "" || q.Bot == e.Bot)
	}, byRecording) {
		names = append(names, e.Subject)
	}
	slices.Sort(names)
	page := &store.UsersPage{Users: slices.Compact(names)}
	if size := q.Size(); len(page.Users) > size {
		page.Users, page.Next = page.Users[:size], page.Users[size-1]
	}
	return page, nil
}

// Stats implements [store.Store].
func (f *Fake) Stats(ctx context.Context, q store.StatsQuery) ([]store.Minute, error) {
	if err := f.begin(ctx, "Stats"); err != nil {
		return nil, err
	}
	var all []store.Minute
	for _, e := range f.sorted(func(e store.Entry) bool { return q.Bot == "" || q.Bot == e.Bot }, byRecording) {
		all = append(all, store.Minute{Minute: e.Time.Truncate(q.Steps()), Activity: store.ActivityOf(&e)})
	}
	return store.SumMinutes(all), nil
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

func byRecording(a, b store.Entry) int { return a.Position().Compare(b.Position()) }
