package bottoken

import (
	"context"
	"runtime"
	"sync"
	"time"
)

const (
	// queuePerSlot is how many may wait for each comparison under way.
	queuePerSlot = 8
	// maxWait is how long they wait at most.
	maxWait = 2 * time.Second
)

// hashLimit bounds how many secrets are compared at once, since each costs a processor some
// 250 ms: half of the processors are left to everything else.
type hashLimit struct {
	slots chan struct{}
	queue chan struct{}
}

func newHashLimit(slots int) *hashLimit {
	return &hashLimit{slots: make(chan struct{}, slots), queue: make(chan struct{}, slots*(1+queuePerSlot))}
}

// enter waits for a turn, which ends with leave. It reports false when that would take too
// long.
func (l *hashLimit) enter(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case l.queue <- struct{}{}:
	default:
		return false
	}
	select {
	case l.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		<-l.queue
		return false
	}
}

func (l *hashLimit) leave() {
	<-l.slots
	<-l.queue
}

// processLimit is the one of the process, since all handlers share its processors.
var processLimit = sync.OnceValue(func() *hashLimit { return newHashLimit(max(1, runtime.GOMAXPROCS(0)/2)) })
