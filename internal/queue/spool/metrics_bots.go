package spool

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

// byBot has what all spools of the process hold of each bot. Events are accepted for bots that the operator
// named only, so there are no other labels.
type byBot struct{}

var (
	botEvents = perBot("bot_events", "Events of the bot that wait in the spool.")
	botBytes  = perBot("bot_bytes",
		"What the bot's events in the spool count for against its size, those kept aside included.")
	botOldest = perBot("bot_oldest_seconds",
		"Age of the oldest event in the spool that waits for the bot's own queue, to the minute; 0 when none does.")
)

func perBot(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(metric.Namespace, subsystem, name), help, []string{"bot"}, nil)
}

// Describe implements [prometheus.Collector].
func (byBot) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{botEvents, botBytes, botOldest} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (byBot) Collect(ch chan<- prometheus.Metric) {
	sums := map[string]Stats{}
	live.Range(func(each, _ any) bool {
		for bot, stats := range each.(*Spool).BotStats() {
			sums[bot] = sums[bot].plus(stats)
		}
		return true
	})
	for bot, s := range sums {
		for desc, value := range map[*prometheus.Desc]float64{
			botEvents: float64(s.Events), botBytes: float64(s.Bytes), botOldest: age(s),
		} {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, bot)
		}
	}
}
