package bottoken

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/expiring"
)

const (
	// maxWaiting is how many may wait for a comparison, and maxWaitingOfOne how many from one address.
	maxWaiting      = 64
	maxWaitingOfOne = 4
	// maxWait is how long they wait at most.
	maxWait = 2 * time.Second
	// failureKept is for how long failures put an address behind others.
	failureKept = 10 * time.Minute
	// maxFailed bounds the addresses whose failures are remembered.
	maxFailed = 10_000
)

// hashLimit bounds how many secrets are compared at once, since each costs a processor some
// 250 ms: half of the processors are left to everything else. Whose address failed least goes first, so
// that those who guess, from however many addresses, hold up each other and not the clients.
type hashLimit struct {
	failures *expiring.Map[string, failure]

	mu      sync.Mutex
	free    int
	waiting []*waiter
}

// failure is how often an address failed, until when that counts.
type failure struct {
	count int
	ends  time.Time
}

// waiter waits for its turn, which begins when the channel is closed.
type waiter struct {
	address  string
	failures int
	turn     chan struct{}
	// displaced says that there is no turn for it, since one came that goes before it.
	displaced bool
}

func newHashLimit(slots int) *hashLimit {
	ends := func(f failure) time.Duration { return time.Duration(f.ends.UnixNano()) }
	return &hashLimit{free: slots, failures: expiring.New[string](maxFailed, ends)}
}

// enter waits for a turn, which ends with leave. It reports false when that would take too
// long.
func (l *hashLimit) enter(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	w := l.queue(address)
	if w == nil {
		return false
	}
	select {
	case <-w.turn:
		return !w.displaced
	case <-ctx.Done():
	}
	l.mu.Lock()
	if i := slices.Index(l.waiting, w); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		w.displaced = true
	}
	l.mu.Unlock()
	// It may have got its turn at the same moment.
	return !w.displaced
}

// queue returns a waiter, whose turn may have begun; nil when there is no room for it.
func (l *hashLimit) queue(address string) *waiter {
	w := &waiter{address: address, failures: l.failed(address, 0), turn: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free > 0 {
		l.free--
		close(w.turn)
		return w
	}
	same := 0
	for _, other := range l.waiting {
		if other.address == address {
			same++
		}
	}
	if same >= maxWaitingOfOne {
		return nil
	}
	if len(l.waiting) >= maxWaiting {
		last := len(l.waiting) - 1
		if l.waiting[last].failures <= w.failures {
			return nil
		}
		l.waiting[last].displaced = true
		close(l.waiting[last].turn)
		l.waiting = l.waiting[:last]
	}
	at := len(l.waiting)
	for at > 0 && l.waiting[at-1].failures > w.failures {
		at--
	}
	l.waiting = slices.Insert(l.waiting, at, w)
	return w
}

// leave gives the turn to the next one.
func (l *hashLimit) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.free++
		return
	}
	close(l.waiting[0].turn)
	l.waiting = slices.Delete(l.waiting, 0, 1)
}

// failed adds failures of an address and returns how many count.
func (l *hashLimit) failed(address string, more int) (count int) {
	now := time.Now()
	l.failures.Update(address, func(f failure, _ bool) (failure, bool) {
		if !now.Before(f.ends) {
			f = failure{}
		}
		if more > 0 {
			f = failure{count: f.count + more, ends: now.Add(failureKept)}
		}
		count = f.count
		return f, f.count > 0
	})
	return count
}

// processLimit is the one of the process, since all handlers share its processors.
var processLimit = sync.OnceValue(func() *hashLimit { return newHashLimit(max(1, runtime.GOMAXPROCS(0)/2)) })
