package dispatch

import (
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// heldSlack is for how long after it is due an event that is held counts as such. One that does
	// not come by then went to another process.
	heldSlack = time.Minute
	// maxHeldKeys is how many events of each bot are known to be held. Those beyond are held, too, but they
	// are neither counted nor logged.
	maxHeldKeys = 10_000
	// givenUpFor is how long it is remembered that an event is to be given up, until it comes from the
	// queue or its attempt ends, and maxGivenUp how many are. Every process hears of all of them.
	givenUpFor = time.Minute
	maxGivenUp = 1000
)

// holds knows which events are held: they would be dead, but their bot's settings keep each at the head
// of its order key. And it knows which ones somebody gave up. That an event is held is no state of the
// queue: whoever takes over tries it, and holds it for the reason that there is then.
type holds struct {
	log *slog.Logger

	mu      sync.Mutex
	held    map[string]heldEvents // By bot.
	givenUp map[givenUp]time.Time // Until when it is remembered.
	waiting map[string]waiter     // By the event's id.
}

// heldEvents are those of a bot, by their ids.
type heldEvents map[string]*heldEvent

type heldEvent struct {
	until time.Time       // When it counts no longer, unless it is handled.
	by    *queue.Delivery // The one that is handled; nil while the event waits in the queue.
}

type givenUp struct{ bot, id string }

// waiter is who waits for a request, until stop.
type waiter struct {
	delivery *queue.Delivery
	stop     func()
}

func newHolds(log *slog.Logger) *holds {
	return &holds{
		log: log, held: map[string]heldEvents{}, givenUp: map[givenUp]time.Time{}, waiting: map[string]waiter{},
	}
}

// handling is called for a delivery, and end when it was settled. An event that is not held again by
// then is held no more.
func (h *holds) handling(d *queue.Delivery) (end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	bot, id := d.Event.Bot, d.Event.ID
	if e := h.held[bot][id]; e != nil {
		e.by = d
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if e := h.held[bot][id]; e != nil && e.by == d {
			delete(h.held[bot], id)
		}
	}
}

// hold notes that an event is held for a time, and logs it where that is new.
func (h *holds) hold(d *queue.Delivery, reason string, delay time.Duration) {
	if h.note(d.Event, time.Now().Add(delay+heldSlack)) {
		h.log.Warn("event is held by its bot's on_dead, and later ones of its order key wait; "+
			"once the bot takes it, have it tried by botgate-backend retry, or let the others go on by botgate-backend give-up",
			d.Event.LogAttr(), slog.Int("attempts", d.Attempt), slog.String("reason", reason))
	}
}

// note notes until when an event counts as held, and reports whether that is new.
func (h *holds) note(e *event.Event, until time.Time) (isNew bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.held[e.Bot]
	if of == nil {
		of = heldEvents{}
		h.held[e.Bot] = of
	}
	_, known := of[e.ID]
	if !known && len(of) >= maxHeldKeys {
		of.forget(time.Now())
	}
	if !known && len(of) >= maxHeldKeys {
		return false
	}
	of[e.ID] = &heldEvent{until: until}
	return !known
}

// forget drops what went to other processes.
func (of heldEvents) forget(now time.Time) {
	maps.DeleteFunc(of, func(_ string, e *heldEvent) bool { return e.by == nil && now.After(e.until) })
}

// forget drops what is over. The lock is held.
func (h *holds) forget(now time.Time) {
	for _, of := range h.held {
		of.forget(now)
	}
	maps.DeleteFunc(h.givenUp, func(_ givenUp, until time.Time) bool { return now.After(until) })
}

// giveUp has an event given up: at once if it waits for a request, else when it comes from the queue or
// its attempt fails.
func (h *holds) giveUp(bot, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	h.forget(now)
	if len(h.givenUp) >= maxGivenUp {
		return // As if this process had not heard of it.
	}
	h.givenUp[givenUp{bot, id}] = now.Add(givenUpFor)
	if w, ok := h.waiting[id]; ok && w.delivery.Event.Bot == bot {
		w.stop()
	}
}

// isGivenUp reports whether an event was given up a moment ago.
func (h *holds) isGivenUp(e *event.Event) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Before(h.givenUp[givenUp{e.Bot, e.ID}])
}

// onGiveUp has stop called once the delivery is given up, at once if it was, until the end.
func (h *holds) onGiveUp(d *queue.Delivery, stop func()) (end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting[d.Event.ID] = waiter{d, stop}
	if time.Now().Before(h.givenUp[givenUp{d.Event.Bot, d.Event.ID}]) {
		stop()
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.waiting[d.Event.ID].delivery == d {
			delete(h.waiting, d.Event.ID)
		}
	}
}

// settled is called once an event is not tried again: what is replayed was not given up.
func (h *holds) settled(e *event.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.givenUp, givenUp{e.Bot, e.ID})
}

// count counts the events of each bot that are held.
func (h *holds) count() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(time.Now())
	count := map[string]int{}
	for bot, of := range h.held {
		count[bot] = len(of)
	}
	return count
}

// holding makes a failure of one that would be dead where the bot's settings hold it, and a death of a
// failure that somebody gave up.
func (s *session) holding(
	t *target, delivery *queue.Delivery, change event.Change, delay time.Duration,
) (event.Change, time.Duration) {
	switch {
	case change.Status == event.StatusFailed && s.holds.isGivenUp(delivery.Event):
		change.Status, change.NextAttempt = event.StatusDead, nil
		change.Error = givenUpBy + ": " + change.Error
	case change.Status == event.StatusDead && t.bot.OnDead == bots.OnDeadHold && !s.holds.isGivenUp(delivery.Event):
		delay = t.bot.MaxBackoff
		next := change.At.Add(delay).UTC()
		s.holds.hold(delivery, change.Error, delay)
		change.Status, change.NextAttempt = event.StatusFailed, &next
		change.Error = "held: " + change.Error
	}
	return change, delay
}

// giveUp is the change of an event that somebody gave up. The number is that of the last attempt.
func giveUp(delivery *queue.Delivery) event.Change {
	change := newChange(delivery)
	change.Attempt, change.Error = delivery.Attempt-1, givenUpBy
	return change
}

// heldKeys is the metric of what is held.
type heldKeys struct {
	holds *holds
	bots  func() []string
	desc  *prometheus.Desc
}

func newHeldKeys(h *holds, names func() []string) heldKeys {
	return heldKeys{h, names, prometheus.NewDesc(
		"botgate_dispatch_held_keys",
		"Order keys that stand still, since on_dead of their bot holds their first event.",
		[]string{"bot"}, nil,
	)}
}

// Describe implements [prometheus.Collector].
func (k heldKeys) Describe(descs chan<- *prometheus.Desc) { descs <- k.desc }

// Collect implements [prometheus.Collector].
func (k heldKeys) Collect(metrics chan<- prometheus.Metric) {
	count := k.holds.count()
	for _, bot := range k.bots() {
		metrics <- prometheus.MustNewConstMetric(k.desc, prometheus.GaugeValue, float64(count[bot]), bot)
	}
}
