package dispatch

import (
	"context"
	"sync"

	"github.com/botgate/botgate/internal/retry"
)

// outlet lets attempts begin only while the queue takes what comes of them: not while it is not
// ready, nor while it refuses an outcome, as one does that is at its limit. Otherwise nothing could be
// settled, and after each restart the bots would get the same events again.
type outlet struct {
	// ready is that of the queue.
	ready func(context.Context) error

	mu      sync.Mutex
	refused int           // Outcomes that the queue refused and that are offered again.
	changed chan struct{} // Closed when it took one.
}

func newOutlet(ready func(context.Context) error) *outlet {
	return &outlet{ready: ready, changed: make(chan struct{})}
}

// await waits until an attempt may begin. It returns false when the context ended first.
func (o *outlet) await(ctx context.Context) bool {
	for failures := 1; ctx.Err() == nil; failures++ {
		open, changed := o.open()
		if open && o.ready(ctx) == nil {
			return true
		}
		retry.Wait(ctx, changed, queueBackoff.Delay(failures))
	}
	return false
}

// open reports whether the queue refuses nothing, and has a channel that is closed once that may
// have changed.
func (o *outlet) open() (open bool, changed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.refused == 0, o.changed
}

// offering watches how the queue takes an outcome that is offered until it does; end must follow.
func (o *outlet) offering(publish func(context.Context) error) (offer func(context.Context) error, end func()) {
	refused := false
	offer = func(ctx context.Context) error {
		err := publish(ctx)
		if err != nil && !unpublishable(err) && !refused {
			refused = true
			o.count(1)
		}
		return err
	}
	return offer, func() {
		if refused {
			o.count(-1)
		}
	}
}

// count adds to what is refused.
func (o *outlet) count(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refused += n; o.refused == 0 {
		close(o.changed)
		o.changed = make(chan struct{})
	}
}
