package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// closeTimeout bounds how long a consumer that closes tries to release its leases. Leases that
// it cannot release are reaped by other handles, because their owner is gone.
const closeTimeout = 10 * time.Second

// Close implements [queue.Consumer].
func (c *consumer) Close() error {
	c.closing.Do(func() { c.closeErr = c.close() })
	return c.closeErr
}

func (c *consumer) close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	<-c.ended
	// Until it is removed, the queue's Close waits for it and leaves the writer running.
	defer c.q.remove(c)
	return errors.Join(c.release(), c.owner.close())
}

// release makes the deliveries that the consumer has leased ready again. Those that are being
// settled are included: the operation that reaches the writer first wins. The consumer is
// closed, so it hands nothing out any more.
func (c *consumer) release() error {
	c.mu.Lock()
	held := len(c.held)
	c.mu.Unlock()
	if held == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := c.q.writer.do(ctx, held, func(tx *transaction) error {
		tx.touched[slot(c.number)] = true
		_, err := tx.exec(tx.release, c.owner.id)
		return err
	})
	if err != nil {
		return fmt.Errorf("releasing leases: %w", err)
	}
	return nil
}

// quarantine sets deliveries aside whose events cannot be decoded, so that they block neither
// their order key nor the consumer. They stay in the file and in the depth.
func (c *consumer) quarantine(leases []*lease) error {
	if len(leases) == 0 {
		return nil
	}
	err := c.q.writer.do(c.ctx, len(leases), func(tx *transaction) error {
		for _, l := range leases {
			if _, err := tx.exec(tx.quarantine, c.number, l.id, c.owner.id); err != nil {
				return err
			}
			if _, err := tx.exec(tx.unblock, l.orderHash); err != nil {
				return err
			}
		}
		tx.touched[slot(c.number)] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("setting unreadable events aside: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range leases {
		c.forget(l.id)
		c.q.log.Error("an event in the queue file cannot be read and was set aside",
			slog.String("group", string(c.group)), slog.Int64("seq", seqOf(l.id)))
	}
	return nil
}
