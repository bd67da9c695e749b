package limit

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/expiring"
)

// lease is what was taken of a key's allowance and not spent yet. It is forgotten when the
// allowance would be full again without it.
type lease struct {
	left  int
	until float64
	// rest is what Redis had beyond it at last.
	rest int
}

func (l lease) ends() time.Duration { return seconds(l.until) }

// leases holds what this process took in leases.
type leases struct {
	clock
	held    *expiring.Map[ID, lease]
	fetches fetches
}

func newLeases(c clock, maxKeys int) leases {
	return leases{clock: c, held: expiring.New[ID](maxKeys, lease.ends)}
}

// spendAll spends from leases what they cover. It returns the other takes, and for each of all
// takes its index among these, or -1 when it was spent.
func (l *leases) spendAll(takes []Take, results []Result) (ask []Take, places []int) {
	if !leased(takes) {
		return takes, nil
	}
	places = make([]int, len(takes))
	for i := range takes {
		if takes[i].Lease > 1 {
			if r, ok := l.spend(&takes[i]); ok {
				results[i], places[i] = r, -1
				continue
			}
		}
		places[i] = len(ask)
		ask = append(ask, takes[i])
	}
	return ask, places
}

// leased reports whether any of the takes may come from a lease.
func leased(takes []Take) bool {
	return slices.ContainsFunc(takes, func(t Take) bool { return t.Lease > 1 })
}

// coverRefused reports whether leases cover all takes that Redis refused. It first waits for the
// calls under way that bring leases for them.
func (l *leases) coverRefused(ctx context.Context, takes []Take, results []Result) bool {
	for i := range takes {
		if !results[i].Known || results[i].Allowed {
			continue
		}
		if takes[i].Lease <= 1 {
			return false
		}
		if l.fetches.wait(ctx, takes[i].ID); !l.covers(&takes[i]) {
			return false
		}
	}
	return true
}

// spend takes the cost from the key's lease, if there is that much, and says what is left.
func (l *leases) spend(t *Take) (r Result, spent bool) {
	now := l.now()
	l.held.Update(t.ID, func(have lease, ok bool) (lease, bool) {
		if spent = ok && have.left >= t.cost() && have.until > now; spent {
			have.left -= t.cost()
			r = Result{Known: true, Allowed: true, Remaining: have.left + have.rest, ResetAfter: seconds(have.until - now)}
		}
		return have, ok
	})
	return r, spent
}

// covers reports whether the key's lease has the cost.
func (l *leases) covers(t *Take) bool {
	have, ok := l.held.Get(t.ID)
	return ok && have.left >= t.cost() && have.until > l.now()
}

// giveBack returns to the lease what was spent for a request that another key refused.
func (l *leases) giveBack(t *Take, until float64) {
	have, _ := l.held.Get(t.ID)
	l.add(t, t.cost(), until, have.rest)
}

// add puts something into the key's lease; rest is what Redis has besides.
func (l *leases) add(t *Take, n int, until float64, rest int) {
	now := l.now()
	l.held.Update(t.ID, func(have lease, ok bool) (lease, bool) {
		if ok && have.until > now {
			n += have.left
			until = max(until, have.until)
		}
		return lease{left: n, until: until, rest: rest}, true
	})
}

// fetches are the calls under way that bring leases, by key. The call that leases the last of an
// allowance makes Redis refuse those behind it, although the lease is enough for them too: so they
// wait until it is here.
type fetches struct {
	mu       sync.Mutex
	underWay map[ID]*fetch
}

// fetch is one or more calls for the same key; done is closed with the last of them.
type fetch struct {
	calls int
	done  chan struct{}
}

// begin notes the calls for leases; each needs an end.
func (f *fetches) begin(takes []Take) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.underWay == nil {
		f.underWay = make(map[ID]*fetch)
	}
	for i := range takes {
		if id := takes[i].ID; takes[i].Lease > 1 {
			if f.underWay[id] == nil {
				f.underWay[id] = &fetch{done: make(chan struct{})}
			}
			f.underWay[id].calls++
		}
	}
}

func (f *fetches) end(takes []Take) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range takes {
		if takes[i].Lease <= 1 {
			continue
		}
		call := f.underWay[takes[i].ID]
		if call.calls--; call.calls == 0 {
			close(call.done)
			delete(f.underWay, takes[i].ID)
		}
	}
}

// wait returns when the calls for the key have ended, or the context has.
func (f *fetches) wait(ctx context.Context, id ID) {
	f.mu.Lock()
	call := f.underWay[id]
	f.mu.Unlock()
	if call == nil {
		return
	}
	select {
	case <-call.done:
	case <-ctx.Done():
	}
}
