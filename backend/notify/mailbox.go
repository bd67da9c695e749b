package notify

import "sync"

// maxPending is how many notices wait for a slow subscriber. With more it misses them: a
// batch of record is a tenth of that.
const maxPending = 8192

// mailbox holds what one subscriber was not told yet.
type mailbox struct {
	subscriber Subscriber
	metrics    *metrics
	ready      chan struct{}
	stop       chan struct{}
	done       sync.WaitGroup

	mu      sync.Mutex
	pending [][]Notice
	waiting int
	lost    bool
}

func newMailbox(s Subscriber, m *metrics) *mailbox {
	b := &mailbox{subscriber: s, metrics: m, ready: make(chan struct{}, 1), stop: make(chan struct{})}
	b.done.Go(b.deliver)
	return b
}

// close returns once the subscriber is no longer used.
func (b *mailbox) close() {
	close(b.stop)
	b.done.Wait()
}

func (b *mailbox) put(notices []Notice) {
	b.mu.Lock()
	b.pending = append(b.pending, notices)
	b.waiting += len(notices)
	if b.waiting > maxPending {
		b.metrics.slow.Inc()
		b.pending, b.waiting, b.lost = nil, 0, true
	}
	b.mu.Unlock()
	b.wake()
}

// lose stands for all that was put before.
func (b *mailbox) lose() {
	b.mu.Lock()
	b.pending, b.waiting, b.lost = nil, 0, true
	b.mu.Unlock()
	b.wake()
}

func (b *mailbox) wake() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// take empties the mailbox. What was lost came before the rest.
func (b *mailbox) take() (lost bool, batches [][]Notice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lost, batches = b.lost, b.pending
	b.pending, b.waiting, b.lost = nil, 0, false
	return lost, batches
}

func (b *mailbox) deliver() {
	for {
		select {
		case <-b.stop:
			return
		case <-b.ready:
		}
		lost, batches := b.take()
		if lost {
			b.subscriber.Lost()
		}
		for _, notices := range batches {
			b.subscriber.Notices(notices)
		}
	}
}
