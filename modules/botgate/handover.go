package botgate

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/filelock"
	"github.com/botgate/botgate/internal/queue"
)

// handover is a broker that gets a spool later: while a new binary replaces the old one, both
// run for a while, and the spool is the old one's until it ends.
type handover struct {
	queue.Queue
	spooling atomic.Pointer[queue.Queue]
}

func (h *handover) current() queue.Queue {
	if q := h.spooling.Load(); q != nil {
		return *q
	}
	return h.Queue
}

// Publish implements [queue.Queue].
func (h *handover) Publish(ctx context.Context, events ...*event.Event) error {
	return h.current().Publish(ctx, events...)
}

// Ready implements [queue.Queue].
func (h *handover) Ready(ctx context.Context) error { return h.current().Ready(ctx) }

// awaitSpool takes the spool as soon as the gateway that has it ends. Until then events that
// the broker does not take are refused.
func (a *App) awaitSpool(broker queue.Queue) queue.Queue {
	h := &handover{Queue: broker}
	ctx, cancel := context.WithCancel(context.Background())
	a.stopWaiting = cancel
	file := slog.String("file", a.Spool.Path)
	a.logger.Warn("another gateway has the spool: until it ends, events that the broker does not take are refused; "+
		"gateways that are to run side by side need a spool each (option spool, BOTGATE_SPOOL)", file)
	a.waiting.Go(func() {
		for ctx.Err() == nil {
			opened, err := a.spool.open(ctx)
			if errors.Is(err, filelock.ErrHeld) {
				continue
			}
			if err != nil {
				if ctx.Err() == nil {
					a.logger.Error("the spool can't be opened: events that the broker does not take are refused", file, slog.Any("error", err))
				}
				return
			}
			spooling := opened.Queue(broker, a.spoolOptions(false))
			a.mu.Lock()
			a.spooling = spooling
			a.mu.Unlock()
			var q queue.Queue = spooling
			h.spooling.Store(&q)
			a.logger.Info("the spool is this gateway's now", file)
			return
		}
	})
	return h
}
