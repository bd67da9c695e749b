package notify

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Local is a [Bus] within one process, without any server. It must be closed.
type Local struct {
	metrics *metrics
	mu      sync.RWMutex
	boxes   map[*mailbox]struct{}
}

// NewLocal makes a bus. Reg gets its metrics, nil for none; it fails when they are
// registered already.
func NewLocal(reg prometheus.Registerer) (*Local, error) {
	m, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	return newLocal(m), nil
}

func newLocal(m *metrics) *Local {
	return &Local{metrics: m, boxes: map[*mailbox]struct{}{}}
}

// Publish implements [Bus].
func (l *Local) Publish(_ context.Context, notices []Notice) {
	if len(notices) == 0 {
		return
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for box := range l.boxes {
		box.put(notices)
	}
}

// Lose tells all subscribers that anything may have been missed until now.
func (l *Local) Lose() {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for box := range l.boxes {
		box.lose()
	}
}

// Subscribe implements [Bus].
func (l *Local) Subscribe(s Subscriber) (unsubscribe func()) {
	box := newMailbox(s, l.metrics)
	l.mu.Lock()
	l.boxes[box] = struct{}{}
	l.mu.Unlock()
	return sync.OnceFunc(func() {
		if l.remove(box) {
			box.close()
		}
	})
}

func (l *Local) remove(box *mailbox) (found bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, found = l.boxes[box]
	delete(l.boxes, box)
	return found
}

// Close ends all subscriptions and returns once no subscriber is used any more.
func (l *Local) Close() {
	l.mu.Lock()
	boxes := l.boxes
	l.boxes = map[*mailbox]struct{}{}
	l.mu.Unlock()
	for box := range boxes {
		box.close()
	}
}
