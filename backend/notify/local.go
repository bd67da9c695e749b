package notify

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/retry"
)

// maxPending is how many notices wait for a slow subscriber. With more it misses them: a
// batch of record is a tenth of that.
const maxPending = 8192

// Local is a [Bus] within one process, without any server. It must be closed.
type Local struct {
	metrics       *metrics
	mu            sync.RWMutex
	subscriptions map[*subscription]struct{}
}

// NewLocal makes a bus. Reg gets its metrics, nil for none; it fails when they are
// registered already.
func NewLocal(reg prometheus.Registerer) (*Local, error) {
	m, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	return &Local{metrics: m, subscriptions: map[*subscription]struct{}{}}, nil
}

// Publish implements [Bus].
func (l *Local) Publish(_ context.Context, notices []Notice) {
	if len(notices) == 0 {
		return
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for s := range l.subscriptions {
		s.put(notices)
	}
}

// Lose notifies all subscribers that they may have missed anything until now.
func (l *Local) Lose() {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for s := range l.subscriptions {
		s.lose()
	}
}

// Subscribe implements [Bus].
func (l *Local) Subscribe(subscriber Subscriber) (unsubscribe func()) {
	s := &subscription{subscriber: subscriber, metrics: l.metrics, ready: retry.NewWake(), stop: make(chan struct{})}
	s.delivering.Go(s.deliver)
	l.mu.Lock()
	l.subscriptions[s] = struct{}{}
	l.mu.Unlock()
	return func() {
		l.mu.Lock()
		delete(l.subscriptions, s)
		l.mu.Unlock()
		s.close()
	}
}

// Close ends all subscriptions and returns once no subscriber is used any more.
func (l *Local) Close() {
	l.mu.Lock()
	subscriptions := l.subscriptions
	l.subscriptions = map[*subscription]struct{}{}
	l.mu.Unlock()
	for s := range subscriptions {
		s.close()
	}
}

// subscription buffers the notices that a subscriber has yet to get.
type subscription struct {
	subscriber Subscriber
	metrics    *metrics
	ready      retry.Wake
	stopOnce   sync.Once
	stop       chan struct{}
	delivering sync.WaitGroup

	mu      sync.Mutex
	pending [][]Notice
	waiting int // Notices in pending.
	lost    bool
}

// close returns once the subscriber is no longer used.
func (s *subscription) close() {
	s.stopOnce.Do(func() { close(s.stop) })
	s.delivering.Wait()
}

func (s *subscription) put(notices []Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = append(s.pending, notices)
	s.waiting += len(notices)
	if s.waiting > maxPending {
		s.metrics.slow.Inc()
		s.pending, s.waiting, s.lost = nil, 0, true
	}
	s.ready.Signal()
}

// lose stands for all that was put before.
func (s *subscription) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending, s.waiting, s.lost = nil, 0, true
	s.ready.Signal()
}

// take empties the buffer. What was lost came before the rest.
func (s *subscription) take() (lost bool, batches [][]Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost, batches = s.lost, s.pending
	s.pending, s.waiting, s.lost = nil, 0, false
	return lost, batches
}

func (s *subscription) deliver() {
	for {
		select {
		case <-s.stop:
			return
		case <-s.ready:
		}
		lost, batches := s.take()
		if lost {
			s.subscriber.Lost()
		}
		for _, notices := range batches {
			s.subscriber.Notices(notices)
		}
	}
}
