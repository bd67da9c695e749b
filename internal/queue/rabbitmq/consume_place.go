package rabbitmq

import (
	"context"
	"errors"
	"sync"

	"github.com/botgate/botgate/internal/queue/rabbitmq/share"
)

// place is how a consumer is to consume one of its queues. It changes where processes share them, see
// consume_share.go, and stays as it is elsewhere.
type place struct {
	declaration
	sharing *sharing // Nil where everybody consumes the queue.

	mu     sync.Mutex
	gone   bool // It is not to be consumed any more.
	ended  bool // And it is not.
	wanted share.Place
	// recalled ends to have the subscription that there is end, once nothing of it is worked on, and with
	// it. It is the [queue.Delivery.Recalled] of its deliveries.
	recalled context.Context
	recall   context.CancelFunc
	changed  chan struct{} // Closed at the next change of what is wanted.
}

func newPlace(d declaration) *place {
	p := &place{declaration: d, wanted: share.Place{Role: share.Owner}, changed: make(chan struct{})}
	p.recalled, p.recall = context.WithCancel(context.Background())
	return p
}

// set changes what is wanted.
func (p *place) set(wanted share.Place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if wanted.Leave {
		p.recall()
	}
	if p.wanted != wanted {
		p.wanted = wanted
		p.change()
	}
}

// change has await look again. The lock is held.
func (p *place) change() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// leave has the queue consumed no more, as soon as nothing of it is worked on.
func (p *place) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	p.recall()
	p.change()
}

// lost has what was handed out recalled: its subscription has ended, and another process may have it by now.
func (p *place) lost() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recall()
}

// stay undoes leave, and reports whether it is not too late.
func (p *place) stay() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = false
	return !p.ended
}

// errGone is why a queue is not consumed any more.
var errGone = errors.New("its bot is not consumed any more")

// await waits until the queue is to be consumed.
func (p *place) await(ctx context.Context) (share.Place, error) {
	for {
		p.mu.Lock()
		if p.gone {
			p.ended = true
			p.mu.Unlock()
			return share.Place{}, errGone
		}
		wanted, changed := p.wanted, p.changed
		if p.recalled.Err() != nil {
			p.recalled, p.recall = context.WithCancel(context.Background())
		}
		p.mu.Unlock()
		if wanted.Role != share.None {
			return wanted, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return wanted, ctx.Err()
		}
	}
}

// to is who the queue is for.
func (p *place) to() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted.To
}

// recalling ends when the subscription that there is has to end.
func (p *place) recalling() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.recalled
}
