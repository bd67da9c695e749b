package rabbitmq

import (
	"strings"
	"time"
)

// A channel of RabbitMQ can refuse everything for one queue for as long as it lives, while
// the queue is well and other channels reach it: one that first published while the node
// with the queue's leader went down keeps asking that node (seen with 3.10). Since a queue
// that is full refuses, too, nothing but a new channel tells the two apart.

// settled notes whether the broker took a message, and returns for how long it has refused
// everything that goes to the same queues.
func (c *confirmChannel) settled(key string, acked bool) time.Duration {
	lane := key[strings.LastIndexByte(key, '.')+1:]
	if strings.Contains(key, parkedInfix) {
		lane = key // Its name may be that of a partition.
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if acked {
		delete(c.refused, lane)
		return 0
	}
	first, again := c.refused[lane]
	if !again {
		first = time.Now()
		c.refused[lane] = first
	}
	return time.Since(first)
}

// renew puts a new channel in the place of one that refuses for too long. What is under way
// on the old one may land first.
func (s *session) renew(old *confirmChannel) {
	if !old.retired.CompareAndSwap(false, true) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.watch.Go(func() {
		fresh, err := s.openChannel()
		if err != nil {
			s.fail(err)
			return
		}
		for n := range s.channels {
			s.channels[n].CompareAndSwap(old, fresh)
		}
		deadline := time.Now().Add(s.config.PublishTimeout)
		tick := time.NewTicker(s.config.PublishTimeout / 50)
		defer tick.Stop()
		for old.flying.Load() > 0 && time.Now().Before(deadline) {
			<-tick.C
		}
		// After the end of the connection it is closed already.
		_ = old.Close()
	})
}
