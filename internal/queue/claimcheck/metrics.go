package claimcheck

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/metric"
)

const subsystem = "blob"

var (
	puts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: subsystem, Name: "puts_total",
		Help: "Bodies put into the blob store, by outcome: stored or failed.",
	}, []string{"outcome"})
	putStored, putFailed = puts.WithLabelValues("stored"), puts.WithLabelValues("failed")
	putBytes             = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: subsystem, Name: "put_bytes_total",
		Help: "Bytes of the bodies that the blob store took.",
	})
	gets = metric.Start(prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: subsystem, Name: "gets_total",
		Help: "Bodies asked for in the blob store, by outcome: read, missing, damaged, or unavailable.",
	}, []string{"outcome"}), []string{getRead, getMissing, getDamaged, getUnavailable})
)

// The outcomes of asking for a body.
const (
	getRead        = "read"
	getMissing     = "missing"
	getDamaged     = "damaged"
	getUnavailable = "unavailable"
)

// Collectors returns the metrics of all claim checks of this process together.
func Collectors() []prometheus.Collector { return []prometheus.Collector{puts, putBytes, gets} }

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return getRead
	case errors.Is(err, blob.ErrNotFound):
		return getMissing
	case errors.Is(err, blob.ErrCorrupt):
		return getDamaged
	}
	return getUnavailable
}
