package dispatch

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/tracing"
)

// byBot is what is counted of each bot, see [metric.Bots], and of the others together.
type byBot struct {
	attempts *prometheus.CounterVec
	delay    *prometheus.HistogramVec

	// mu keeps what ends while a bot is removed from bringing its series back.
	mu    sync.RWMutex
	known map[string]bool
}

func newByBot() *byBot {
	b := &byBot{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "botgate_dispatch_attempts_total",
			Help: "Attempts to deliver an event to its bot, by what came of them: delivered, failed (tried again), dead, or expired (not tried any more).",
		}, []string{"bot", "outcome"}),
		delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "botgate_dispatch_delay_seconds",
			Help:    "Time from the acceptance of an event to its bot's answer that it has it; without replays.",
			Buckets: metric.DelayBuckets(),
		}, []string{"bot"}),
	}
	b.start(metric.OtherBots)
	return b
}

// start makes the series of a bot.
func (b *byBot) start(bot string) {
	metric.Start(b.attempts, []string{bot},
		metric.Values(event.StatusDelivered, event.StatusFailed, event.StatusDead, event.StatusExpired))
	b.delay.WithLabelValues(bot)
}

// follow has the series be those of the bots that there are now.
func (b *byBot) follow(bots []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	labelled := metric.Bots(bots)
	for bot := range b.known {
		if !slices.Contains(labelled, bot) {
			b.attempts.DeletePartialMatch(prometheus.Labels{"bot": bot})
			b.delay.DeleteLabelValues(bot)
		}
	}
	b.known = make(map[string]bool, len(labelled))
	for _, bot := range labelled {
		b.known[bot] = true
		b.start(bot)
	}
}

// count counts what came of an attempt. A replay was accepted long before anybody asked for it, so its delay
// would say nothing.
func (b *byBot) count(d *queue.Delivery, change event.Change) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	bot := d.Event.Bot
	if !b.known[bot] {
		bot = metric.OtherBots
	}
	b.attempts.WithLabelValues(bot, string(change.Status)).Inc()
	if change.Status == event.StatusDelivered && d.Replays == 0 {
		delay := max(0, change.At.Sub(d.Event.Time).Seconds())
		metric.Observe(b.delay.WithLabelValues(bot), delay, tracing.Sampled(d.Event.TraceParent))
	}
}
