package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// Retain implements [store.Maintainer].
func (f *Fake) Retain(ctx context.Context, before time.Time) ([]time.Time, error) {
	days, err := f.Days(ctx)
	days = slices.DeleteFunc(days, func(day time.Time) bool { return day.Add(24 * time.Hour).After(before) })
	return days, err
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
func (f *Fake) Erase(ctx context.Context, subject string, before time.Time, erased func(events int64) error) (events int64, err error) {
	if err := f.begin(ctx, "Erase"); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Erased[subject] = before
	maps.DeleteFunc(f.Rows, func(_ string, entry store.Entry) bool {
		gone := entry.Subject == subject && entry.AcceptedAt().Before(before)
		if gone && entry.Ref == "" {
			events++
		}
		return gone
	})
	if erased != nil {
		err = erased(events)
	}
	return events, err
}

func byEvent(a, b store.Entry) int {
	return cmp.Or(a.EventTime.Compare(b.EventTime), cmp.Compare(a.ID, b.ID))
}

// ReadBuckets implements [store.Maintainer].
func (f *Fake) ReadBuckets(ctx context.Context, buckets []int, after store.Position, since time.Time, limit int) ([]store.Entry, error) {
	if err := f.begin(ctx, "ReadBuckets"); err != nil {
		return nil, err
	}
	last := store.Entry{Event: &event.Event{ID: after.ID}, EventTime: after.Time}
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
			return errors.New("bucket is not fenced")
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
