package session

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

type metrics struct {
	operations *prometheus.CounterVec
	retries    prometheus.Counter
	expired    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "botgate_session_operations_total",
			Help: "Operations on sessions (get, put, patch, delete, list_user, delete_user) by outcome: ok, missing, condition, refused, busy, failed.",
		}, []string{"operation", "outcome"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "botgate_session_retries_total",
			Help: "Retries of writes that met another writer of the session.",
		}),
		expired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "botgate_session_expired_total",
			Help: "Expired sessions removed from the database; Redis removes them by itself.",
		}),
	}
	return m, metric.Register(reg, "the sessions", m.operations, m.retries, m.expired)
}

// count counts an operation by its outcome.
func (m *metrics) count(operation string, err error) {
	m.operations.WithLabelValues(operation, outcome(err)).Inc()
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrNotFound):
		return "missing"
	case errors.Is(err, ErrCondition):
		return "condition"
	case errors.Is(err, ErrBusy):
		return "busy"
	}
	for _, refused := range []error{ErrKey, ErrTTL, ErrDocument, ErrTooLarge, ErrTooDeep} {
		if errors.Is(err, refused) {
			return "refused"
		}
	}
	return "failed"
}
