package botcache

import "sync"

// maxFlights bounds the renewals of a handler that no client waits for.
const maxFlights = 64

// flights are the renewals of what is kept that are under way: one for each resource. The zero value is ready.
type flights struct {
	running sync.WaitGroup

	mu     sync.Mutex
	under  map[key]chan struct{}
	closed bool
}

// begin reports whether nobody else is renewing the resource; then end has to be called. Else done is closed when
// whoever is has ended.
func (f *flights) begin(k key) (end func(), done <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if under := f.under[k]; under != nil {
		return nil, under
	}
	return f.beginLocked(k), nil
}

func (f *flights) beginLocked(k key) (end func()) {
	if f.under == nil {
		f.under = map[key]chan struct{}{}
	}
	mine := make(chan struct{})
	f.under[k] = mine
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.under, k)
		close(mine)
	}
}

// start renews a resource in a goroutine of its own, unless somebody does already or there are too many.
func (f *flights) start(k key, renew func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.under[k] != nil || len(f.under) >= maxFlights {
		return
	}
	end := f.beginLocked(k)
	f.running.Go(func() {
		defer end()
		renew()
	})
}

// close waits for those under way, whose context has to end; none begins any more.
func (f *flights) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.running.Wait()
}
