package limit

import (
	"context"
	"sync"
)

// fetches are the calls under way that bring leases, by key. Redis refuses the calls that
// come after the one that leases the last of the allowance, although that is enough for
// them: so they wait until it is here.
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
	for i := range takes {
		if takes[i].Lease > 1 {
			f.enter(takes[i].ID)
		}
	}
}

func (f *fetches) enter(id ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.underWay == nil {
		f.underWay = make(map[ID]*fetch)
	}
	if f.underWay[id] == nil {
		f.underWay[id] = &fetch{done: make(chan struct{})}
	}
	f.underWay[id].calls++
}

func (f *fetches) end(takes []Take) {
	for i := range takes {
		if takes[i].Lease > 1 {
			f.leave(takes[i].ID)
		}
	}
}

func (f *fetches) leave(id ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := f.underWay[id]
	if call.calls--; call.calls == 0 {
		close(call.done)
		delete(f.underWay, id)
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
