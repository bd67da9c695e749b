// Package deadletter finds dead letters in the event log: the events whose status is dead. Filters
// that no index serves look through a bounded number of them, and say how far they came.
package deadletter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/rfc3339"
)

const (
	// MaxLimit is the largest page.
	MaxLimit = store.MaxLimit
	// maxScan and scanTime bound what one call looks through.
	maxScan  = 25_000
	scanTime = 2 * time.Second
	// clockSkew bounds how much earlier an event may have died, by the clock of dispatch, than it
	// was accepted by that of a gateway.
	clockSkew = time.Hour
)

// Store is what the dead letters are read from.
type Store interface {
	Get(ctx context.Context, id string) (*store.Record, error)
	List(ctx context.Context, q store.Query) (*store.Page, error)
}

// Filter chooses dead letters. Empty fields do not filter.
type Filter struct {
	Bot  string `json:"bot,omitempty"`
	Type string `json:"type,omitempty"`
	User string `json:"user,omitempty"`
	// Reason must occur in the reason, in upper or lower case.
	Reason string `json:"reason,omitempty"`
	// Since and Until bound the time of death: Since is included, Until is not.
	Since rfc3339.Time `json:"since,omitzero"`
	Until rfc3339.Time `json:"until,omitzero"`
}

// matches reports whether the filter chooses a dead event; bot, type and user were asked of the store.
func (f Filter) matches(r *store.Record) bool {
	at := DiedAt(r)
	switch {
	case !f.Since.IsZero() && at.Before(f.Since.Time), !f.Until.IsZero() && !at.Before(f.Until.Time):
		return false
	}
	return f.Reason == "" || strings.Contains(strings.ToLower(Reason(r)), strings.ToLower(f.Reason))
}

// Reason says why a dead event died.
func Reason(r *store.Record) string {
	if r.Last == nil {
		return ""
	}
	return r.Last.Error
}

// DiedAt is when a dead event died, as precisely as the store keeps times.
func DiedAt(r *store.Record) time.Time {
	if r.Last == nil {
		return store.Micros(r.UpdatedAt)
	}
	return store.Micros(r.Last.At)
}

// Query is a filter and how much of what it chooses is wanted.
type Query struct {
	Filter
	// Oldest asks for what was accepted first; else the newest come first.
	Oldest bool
	// Limit is from 1 to MaxLimit; what is outside is brought inside.
	Limit int
	// After continues behind the Next of an earlier page.
	After store.Position
}

// Page is a part of a list.
type Page struct {
	// Records are dead, without bodies and attempts, and have their Last.
	Records []*store.Record
	// Next is where the next page starts; nil when this is the last one. A page may have fewer
	// records than the limit, or none, and a next one all the same.
	Next *store.Position
	// Missing names the shards that did not answer.
	Missing []string
}

// List returns a page of dead letters.
func List(ctx context.Context, s Store, q Query) (*Page, error) {
	limit := min(max(q.Limit, 1), MaxLimit)
	page := &Page{}
	err := scan(ctx, s, q, func(r *store.Record) (enough bool) {
		page.Records = append(page.Records, r)
		return len(page.Records) == limit
	}, page)
	if err != nil {
		return nil, err
	}
	return page, nil
}

// scan calls take with each match until it has enough, the budget is used up or there are no more, and
// notes in the page where it stopped.
func scan(ctx context.Context, s Store, q Query, take func(*store.Record) (enough bool), page *Page) error {
	asked := store.Query{
		Bot: q.Bot, Type: q.Type, Subject: q.User, Statuses: []event.Status{event.StatusDead},
		Oldest: q.Oldest, After: q.After, Limit: store.MaxLimit,
	}
	if q.Reason == "" && q.Since.IsZero() && q.Until.IsZero() {
		asked.Limit = cmp.Or(q.Limit, store.MaxLimit)
	}
	last := time.Time{} // No event that was accepted later can match.
	if !q.Until.IsZero() {
		last = q.Until.Add(clockSkew)
	}
	if !q.Oldest && !last.IsZero() && (asked.After == store.Position{} || last.Before(asked.After.Time)) {
		asked.After = store.Position{Time: last}
	}
	for scanned, end := 0, time.Now().Add(scanTime); ; {
		got, err := s.List(ctx, asked)
		if err != nil {
			return fmt.Errorf("listing dead letters: %w", err)
		}
		page.Missing = got.Missing
		for i, r := range got.Records {
			if q.Oldest && !last.IsZero() && r.Event.Time.After(last) {
				page.Next = nil
				return nil
			}
			if q.matches(r) && take(r) {
				if page.Next = got.Next; i < len(got.Records)-1 {
					page.Next = new(r.Position())
				}
				return nil
			}
		}
		page.Next = got.Next
		if scanned += len(got.Records); got.Next == nil || scanned >= maxScan || time.Now().After(end) {
			return nil
		}
		asked.After = *got.Next
	}
}

// Get returns the dead letter of an event, with its body and attempts, or [store.ErrNotFound].
func Get(ctx context.Context, s Store, id string) (*store.Record, error) {
	r, err := s.Get(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("no such dead letter, or its day is no longer kept: %w", err)
	case err != nil:
		return nil, fmt.Errorf("reading a dead letter: %w", err)
	case r.Status != event.StatusDead:
		return nil, fmt.Errorf("no such dead letter, its status is %s: %w", r.Status, store.ErrNotFound)
	}
	return r, nil
}
