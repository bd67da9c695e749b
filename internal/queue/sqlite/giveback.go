package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// closeTimeout bounds how long a consumer tries to give back what it holds. What it
// cannot give back is released when the handle is closed or its process ends.
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
	c.q.remove(c)

	c.mu.Lock()
	// What is being settled right now is included: whichever comes first to the writer wins.
	// Since the consumer is closed nothing is handed out any more.
	claims := slices.Collect(maps.Values(c.held))
	c.mu.Unlock()
	if len(claims) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return c.giveBack(ctx, claims)
}

// giveBack makes claims ready again. An attempt that nobody saw is not counted.
func (c *consumer) giveBack(ctx context.Context, claims []*claim) error {
	err := c.q.writer.do(ctx, len(claims), func(tx *transaction) error {
		for _, cl := range claims {
			unseen := 1
			if cl.handed {
				unseen = 0
			}
			if _, err := tx.exec(tx.handBack, c.number, cl.id, c.q.owner.id, unseen); err != nil {
				return err
			}
		}
		tx.touched[c.number] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("giving deliveries back: %w", err)
	}
	return nil
}

// setAside takes claims out of the flow whose events cannot be decoded, so that they hold
// up neither their lane nor the consumer. They stay in the file and in the depth.
func (c *consumer) setAside(claims []*claim) error {
	if len(claims) == 0 {
		return nil
	}
	err := c.q.writer.do(c.ctx, len(claims), func(tx *transaction) error {
		for _, cl := range claims {
			if _, err := tx.exec(tx.park, c.number, cl.id, c.q.owner.id); err != nil {
				return err
			}
			if _, err := tx.exec(tx.unblock, cl.lane); err != nil {
				return err
			}
		}
		tx.touched[c.number] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("setting unreadable events aside: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cl := range claims {
		delete(c.held, cl.id)
		c.q.log.Error("an event in the queue file cannot be read and was set aside",
			slog.String("group", string(c.group)), slog.Int64("seq", seqOf(cl.id)))
	}
	return nil
}
