package rabbitmq

// drain hands nothing more out of a subscription that is to end, and returns a channel that is closed
// when nobody holds anything of it any more. What was handed out is recalled, see
// [queue.Delivery.Recalled].
func (c *consumer) drain(sub *subscription) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	sub.drained = make(chan struct{})
	for _, it := range sub.items {
		if it.state == ready || it.state == sleeping {
			it.stop()
			it.release()
			it.state = waiting
		}
	}
	c.forget(func(it *item) bool { return it.sub == sub })
	c.checkDrained(sub)
	return sub.drained
}

// checkDrained notes when nobody holds anything of a subscription that is to end. The lock is held.
func (c *consumer) checkDrained(sub *subscription) {
	if sub.drained == nil {
		return
	}
	for _, it := range sub.items {
		if it.state == out || it.state == moving || it.state == settling {
			return
		}
	}
	select {
	case <-sub.drained:
	default:
		close(sub.drained)
	}
}
