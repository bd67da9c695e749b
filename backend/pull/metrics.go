package pull

import "github.com/prometheus/client_golang/prometheus"

// uses are metrics of a ledger.
type uses struct {
	ledger       *Ledger
	absent, lent *prometheus.Desc
}

// Collector is the metrics of a ledger.
func Collector(l *Ledger) prometheus.Collector {
	return uses{
		l,
		prometheus.NewDesc("botgate_pull_absent_seconds",
			"How long nobody has asked for the events of a bot that pulls; 0 while somebody does, or did a moment ago.",
			[]string{"bot"}, nil),
		prometheus.NewDesc("botgate_pull_leased",
			"Events that pollers of a bot have, and have not settled.", []string{"bot"}, nil),
	}
}

// Describe implements [prometheus.Collector].
func (u uses) Describe(descs chan<- *prometheus.Desc) { descs <- u.absent; descs <- u.lent }

// Collect implements [prometheus.Collector].
func (u uses) Collect(metrics chan<- prometheus.Metric) {
	for bot, use := range u.ledger.Uses() {
		metrics <- prometheus.MustNewConstMetric(u.absent, prometheus.GaugeValue, use.Absent.Seconds(), bot)
		metrics <- prometheus.MustNewConstMetric(u.lent, prometheus.GaugeValue, float64(use.Lent), bot)
	}
}
