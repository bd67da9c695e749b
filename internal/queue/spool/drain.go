package spool

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/sqlite"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// prefetch is how many events a drainer has in hand, window how many of them one bot may have
	// while the broker takes them: a bot whose queue refuses has one at a time.
	prefetch = 256
	window   = prefetch / 2
	// probes is how many events ask a broker that is unavailable.
	probes = 4
	// idle is how often the index is compared with the file while nothing comes out of it.
	idle = time.Second
	// diskPause is the pause after the file failed, settleTimeout bounds one attempt.
	diskPause     = 200 * time.Millisecond
	settleTimeout = 10 * time.Second
	// maxStrikes is how often the broker may say that it never takes an event.
	maxStrikes = 2
)

// drainer moves events from the file to one of the two kinds of queues that the broker has. What
// fails goes back to the file at once. In Dispatch the file hands out the oldest event of each
// order key, and the next one after that was acknowledged: so there is one of each key
// in flight at a time, and the broker has it before the next one follows.
type drainer struct {
	spool    *Spool
	group    queue.Group
	consumer *sqlite.SpoolConsumer
	handling sync.WaitGroup
}

// drain runs until the spool is closed.
func (s *Spool) drain() {
	var both sync.WaitGroup
	for _, d := range s.drainers {
		both.Go(d.run)
	}
	both.Wait()
}

func (d *drainer) run() {
	defer d.handling.Wait()
	for d.spool.ctx.Err() == nil {
		limit := prefetch
		if d.spool.awaitTry() {
			limit = probes
		}
		ds := d.receive(limit)
		for _, x := range ds {
			d.handling.Go(func() { d.handle(x) })
		}
		switch {
		case len(ds) == 0:
			d.spool.resync()
		case limit == probes:
			d.handling.Wait()
		}
	}
}

func (d *drainer) receive(limit int) []*queue.Delivery {
	ctx, cancel := context.WithTimeout(d.spool.ctx, idle)
	defer cancel()
	ds, err := d.consumer.Receive(ctx, limit)
	if err != nil {
		return nil
	}
	d.spool.handling.Add(int64(len(ds)))
	return ds
}

// handle offers an event to the broker, and settles it by the answer.
func (d *drainer) handle(x *queue.Delivery) {
	defer d.spool.handling.Add(-1)
	began := time.Now()
	err := d.offer(x)
	if err == nil || !isAway(err) {
		d.spool.answers()
	}
	switch {
	case err == nil:
		d.finish(x)
	case isFinal(err):
		d.strike(x, err)
	case isAway(err):
		pause := d.spool.lost(began)
		d.persist(func(ctx context.Context) error { return d.consumer.Postpone(ctx, x, pause) })
	default:
		d.spool.refused(d.lane(x.Event), err)
		pause := eventBackoff.Delay(x.Attempt)
		d.persist(func(ctx context.Context) error { return d.consumer.Retry(ctx, x, pause) })
	}
}

func (d *drainer) offer(x *queue.Delivery) error {
	// A publish that was begun is not cut short by Close, since nobody would know how it ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.spool.ctx), d.spool.cfg.DrainTimeout)
	defer cancel()
	broker := d.spool.target()
	if broker == nil {
		return queue.ErrUnavailable
	}
	return broker.PublishTo(ctx, d.group, x.Event)
}

// finish acknowledges what the broker has confirmed. Only when that is durable may new
// events of the order key go to the broker directly.
func (d *drainer) finish(x *queue.Delivery) {
	if !d.persist(func(ctx context.Context) error { return d.consumer.Ack(ctx, x) }) {
		return
	}
	if d.spool.finished(d.lane(x.Event), x.Event) {
		d.persist(func(ctx context.Context) error { return d.consumer.Release(ctx, x.Event.Bot) })
	}
}

// strike counts that the broker says that it never takes an event. The first time can be a mistake, as
// another setting of a node that is replaced.
func (d *drainer) strike(x *queue.Delivery, cause error) {
	strikes := 1
	for _, o := range x.Outcomes {
		if o.StatusCode == http.StatusRequestEntityTooLarge {
			strikes++
		}
	}
	if strikes >= maxStrikes {
		d.setAside(x, cause)
		return
	}
	x.Note(queue.Outcome{
		Attempt: strikes, At: time.Now(), StatusCode: http.StatusRequestEntityTooLarge, Error: cause.Error(),
	})
	d.persist(func(ctx context.Context) error { return d.consumer.Postpone(ctx, x, laneBackoff.Delay(strikes)) })
}

// setAside puts an event into the dead letters of the file, whose bytes it keeps occupying.
func (d *drainer) setAside(x *queue.Delivery, cause error) {
	e := x.Event
	if !d.persist(func(ctx context.Context) error { return d.consumer.DeadLetter(ctx, x, cause.Error()) }) {
		return
	}
	d.spool.log.Warn("the broker refused a spooled event for good: it is kept aside in the file; see botgate spool",
		e.LogAttr(), slog.String("group", string(d.group)),
		slog.String("file", d.spool.cfg.Path), slog.Any("error", cause))
	refusedTotal.Inc()
	weights := d.spool.aside()
	d.spool.mu.Lock()
	defer d.spool.mu.Unlock()
	d.spool.index.leave(d.group, e)
	d.spool.index.setAside(weights)
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
