package dispatch

import (
	"context"
	"maps"
	"reflect"

	"golang.org/x/sync/semaphore"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/queue"
)

// fleet is the bots at a time, and what follows from how many there are. It does not change.
type fleet struct {
	bots    bots.Set
	targets map[string]*target
	// queues are those of the bots and of their other lanes.
	queues queue.Bots
	// botConcurrency, prefetch and prefetchMost are the settings of [Config] for so many bots.
	botConcurrency, prefetch, prefetchMost int
}

// newFleet works out the defaults.
func newFleet(c Config, set bots.Set, targets map[string]*target) *fleet {
	f := &fleet{
		bots: set, targets: targets, queues: set.Queues(),
		botConcurrency: c.BotConcurrency, prefetch: c.Prefetch, prefetchMost: max(0, c.Prefetch),
	}
	share := max(1, c.Concurrency/BotShare)
	if len(set) == 1 {
		share = c.Concurrency
	}
	setDefault(&f.botConcurrency, share)
	setDefault(&f.prefetchMost, max(maxHeld, heldPerRequest*f.botConcurrency))
	setDefault(&f.prefetch, min(max(minHeld, defaultHeld/max(1, len(set))), f.prefetchMost))
	return f
}

// held is how many deliveries there may be in hand at once. The queue delivers no more of each bot, but what
// a lost connection took along comes again while the first copy is still being worked on.
func (f *fleet) held() (held int) {
	for _, queues := range f.queues {
		held += max(f.prefetchMost, queues)
	}
	return held
}

// SetBots replaces the bots to deliver to, for the next attempt of each event and without an interruption of
// others. Attempts under way end as they began. What bots have that are no longer there waits in the queue.
// An error names the bot whose settings don't do, and changes nothing.
func (d *Dispatcher) SetBots(set bots.Set) error {
	targets, err := newTargets(set)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	next := newFleet(d.cfg, set, targets)
	before := d.fleet.Load()
	if before == nil {
		before = &fleet{}
	}
	for name, t := range targets {
		d.succeed(t, before.targets[name], next.botConcurrency)
		targets[name] = keepUnchanged(t, before.targets[name])
		d.metrics.showPaused(t.bot)
	}
	d.slots.resize(maps.Values(targets), len(targets) == 1, next.botConcurrency)
	d.fleet.Store(next)
	d.cfg.Ledger.SetBots(set.Pulls())
	d.metrics.follow(set.Names())
	d.deaths.follow(func(bot string) bool { return targets[bot] != nil })
	for name, old := range before.targets {
		if targets[name] != old {
			old.replace()
		}
		if targets[name] == nil {
			d.metrics.botOpen.DeleteLabelValues(name)
			d.metrics.paused.DeleteLabelValues(name)
		}
	}
	return d.adjust()
}

// succeed gives a target the gate of the one before, where its bot's deliveries wait, or a new one.
func (d *Dispatcher) succeed(t, before *target, share int) {
	if before != nil {
		t.gate = before.gate
		return
	}
	t.gate = &gate{
		bot: t.bot.Name, isOpen: d.metrics.botOpen.WithLabelValues(t.bot.Name), posts: semaphore.NewWeighted(maxPosts),
		breaker: breaker{share: share, step: share},
	}
}

// keepUnchanged is the target before where that has the same settings, so that nothing need wait anew.
func keepUnchanged(t, before *target) *target {
	if before != nil && reflect.DeepEqual(t.bot, before.bot) {
		return before
	}
	return t
}

// adjust has the consumer follow the fleet. The lock is held.
func (d *Dispatcher) adjust() error {
	if d.consumer == nil {
		return nil
	}
	return d.consumer.Adjust(d.subscription())
}

// consumes sets the consumer, nil for none, and has it follow the fleet, which may have changed since it
// subscribed.
func (d *Dispatcher) consumes(c queue.Consumer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.consumer = c
	return d.adjust()
}

// subscription is what to consume.
func (d *Dispatcher) subscription() queue.SubscribeOptions {
	f := d.fleet.Load()
	return queue.SubscribeOptions{
		Prefetch: f.prefetch, PrefetchMost: f.prefetchMost, Bots: f.queues,
		OnRetryNow: d.retryNow, OnGiveUp: d.holds.giveUp,
	}
}

// target is a bot as it is now; nil for one that is not there.
func (d *Dispatcher) target(bot string) *target { return d.fleet.Load().targets[bot] }

// untilReplaced returns a context that also ends when the target is another one.
func (t *target) untilReplaced(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	forget := context.AfterFunc(t.replaced, cancel)
	return ctx, func() {
		forget()
		cancel()
	}
}
