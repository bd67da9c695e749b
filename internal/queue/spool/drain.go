package spool

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// batch is how many events the drainer holds, each of another order key.
	batch = 256
	// parallel bounds how many of them are in flight to the broker.
	parallel = 64
	// gather is how long the drainer waits for more while it has some.
	gather = time.Millisecond
	// idle is how often the index is compared with the file while nothing comes out of it.
	idle = time.Second
	// diskPause is the pause after the file failed, settleTimeout bounds one attempt.
	diskPause     = 200 * time.Millisecond
	settleTimeout = 10 * time.Second
)

// backoff is the pause after rounds in which the broker took nothing.
var backoff = retry.Backoff{Min: 100 * time.Millisecond, Max: 2 * time.Second, Jitter: .5}

// drainer moves events from the file to the broker. The file hands out the oldest event of
// each order key, and the next one after that was acknowledged: so there is one of each key
// in flight at a time, and the broker has it before the next one follows.
type drainer struct {
	spool    *Spool
	pending  []*queue.Delivery // Taken from the file and not settled.
	failures int               // Rounds in a row in which the broker took nothing.
	turn     int               // Which event is tried first after a failure.
}

// drain runs until the spool is closed.
func (s *Spool) drain() {
	d := &drainer{spool: s}
	for s.ctx.Err() == nil {
		if d.fill(); len(d.pending) > 0 {
			d.round()
		}
	}
}

// fill takes more events from the file, and waits when there are none at all.
func (d *drainer) fill() {
	wait := idle
	if len(d.pending) > 0 {
		wait = gather
	}
	if room := batch - len(d.pending); room > 0 {
		ctx, cancel := context.WithTimeout(d.spool.ctx, wait)
		defer cancel()
		ds, err := d.spool.consumer.Receive(ctx, room)
		if err == nil {
			d.pending = append(d.pending, ds...)
		} else if len(d.pending) == 0 {
			d.spool.resync()
		}
	}
}

// round offers the broker what is pending. After a failure it offers one event first,
// another one each time, so that an unavailable broker gets few requests and an event that
// cannot be published does not block the others.
func (d *drainer) round() {
	offered := slices.Clone(d.pending)
	if d.failures > 0 && len(offered) > 1 {
		d.turn = (d.turn + 1) % len(offered)
		offered = offered[d.turn : d.turn+1]
	}
	took := d.settle(offered, d.offer(offered))
	if took == 0 {
		d.failures++
		retry.Sleep(d.spool.ctx, backoff.Delay(d.failures))
		return
	}
	d.failures = 0
	d.spool.mu.Lock()
	d.spool.unavailable = false
	d.spool.mu.Unlock()
}

// offer publishes events, each by itself, so that none fails for another one.
func (d *drainer) offer(offered []*queue.Delivery) []error {
	// A publish that was begun is not cut short by Close, since nobody would know how it ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.spool.ctx), d.spool.cfg.DrainTimeout)
	defer cancel()
	outcomes := make([]error, len(offered))
	broker := d.spool.target()
	if broker == nil {
		return slices.Repeat([]error{queue.ErrUnavailable}, len(offered))
	}
	next := make(chan int, len(offered))
	for i := range offered {
		next <- i
	}
	close(next)
	var group sync.WaitGroup
	for range min(parallel, len(offered)) {
		group.Go(func() {
			for i := range next {
				outcomes[i] = broker.Publish(ctx, offered[i].Event)
			}
		})
	}
	group.Wait()
	return outcomes
}

// settle takes out what the broker has, or will never take, and returns how many these are.
// When there are some, the broker is available, and what failed nevertheless waits in the file.
func (d *drainer) settle(offered []*queue.Delivery, outcomes []error) (settled int) {
	var taken, failed []*queue.Delivery
	for i, err := range outcomes {
		switch {
		case err == nil:
			taken = append(taken, offered[i])
		case errors.Is(err, queue.ErrTooLarge) || errors.Is(err, queue.ErrInvalid):
			d.refuse(offered[i], err)
			settled++
		default:
			failed = append(failed, offered[i])
		}
	}
	if len(taken) > 0 {
		d.finish(taken)
		settled += len(taken)
	}
	if settled == 0 {
		return 0
	}
	d.forget(offered, failed)
	return settled
}

// forget takes what was offered out of what is pending; what failed goes back to the file.
func (d *drainer) forget(offered, failed []*queue.Delivery) {
	d.pending = slices.DeleteFunc(d.pending, func(p *queue.Delivery) bool { return slices.Contains(offered, p) })
	var group sync.WaitGroup
	for _, f := range failed {
		group.Go(func() {
			d.persist(func(ctx context.Context) error { return d.spool.consumer.Postpone(ctx, f, backoff.Delay(4)) })
		})
	}
	group.Wait()
}

// finish acknowledges what the broker has confirmed. Only when that is durable may new
// events of these order keys go to the broker directly.
func (d *drainer) finish(taken []*queue.Delivery) {
	if !d.persist(func(ctx context.Context) error { return d.spool.consumer.Ack(ctx, taken...) }) {
		return
	}
	oldest := d.spool.oldest()
	d.spool.mu.Lock()
	defer d.spool.mu.Unlock()
	for _, t := range taken {
		d.spool.index.remove(t.Event)
	}
	d.spool.drained(len(taken))
	d.spool.age(oldest)
	d.spool.conclude()
}

// refuse keeps an event aside that the broker will never take: in the dead letters of the
// file, whose bytes it keeps occupying.
func (d *drainer) refuse(refused *queue.Delivery, cause error) {
	e := refused.Event
	d.spool.log.Error("the broker refused a spooled event for good: it is kept in the dead letters of the spool's file",
		slog.String("event_id", e.ID), slog.String("bot", e.Bot), slog.String("file", d.spool.cfg.Path), slog.Any("error", cause))
	if !d.persist(func(ctx context.Context) error { return d.spool.consumer.DeadLetter(ctx, refused, cause.Error()) }) {
		return
	}
	refusedTotal.Inc()
	d.spool.mu.Lock()
	defer d.spool.mu.Unlock()
	d.spool.index.remove(e)
	d.spool.index.keep(e, int64(len(e.Data)))
	d.spool.conclude()
}

// persist repeats a change of the file until it is made, and reports whether it was before
// the spool was closed. What is lost is settled: nobody else works on the file.
func (d *drainer) persist(change func(context.Context) error) bool {
	logged := false
	return retry.Backoff{Min: diskPause}.Until(d.spool.ctx, func() bool {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(d.spool.ctx), settleTimeout)
		defer cancel()
		err := change(ctx)
		if err == nil || errors.Is(err, queue.ErrLost) {
			return true
		}
		if !logged {
			logged = true
			d.spool.log.Error("the spool's file cannot be written; draining waits for it", slog.Any("error", err))
		}
		return false
	})
}
