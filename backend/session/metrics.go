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
	metric.Start(m.operations, []string{opGet, opPut, opPatch, opDelete, opListUser, opDeleteUser},
		[]string{outcomeOK, outcomeMissing, outcomeCondition, outcomeBusy, outcomeRefused, outcomeFailed})
	return m, metric.Register(reg, "the sessions", m.operations, m.retries, m.expired)
}

// The operations.
const (
	opGet        = "get"
	opPut        = "put"
	opPatch      = "patch"
	opDelete     = "delete"
	opListUser   = "list_user"
	opDeleteUser = "delete_user"
)

// The outcomes.
const (
	outcomeOK        = "ok"
	outcomeMissing   = "missing"
	outcomeCondition = "condition"
	outcomeBusy      = "busy"
	outcomeRefused   = "refused"
	outcomeFailed    = "failed"
)

// count counts an operation by its outcome.
func (m *metrics) count(operation string, err error) {
	m.operations.WithLabelValues(operation, outcome(err)).Inc()
}

func outcome(err error) string {
	switch {
	case err == nil:
		return outcomeOK
	case errors.Is(err, ErrNotFound):
		return outcomeMissing
	case errors.Is(err, ErrCondition):
		return outcomeCondition
	case errors.Is(err, ErrBusy):
		return outcomeBusy
	}
	for _, refused := range []error{ErrKey, ErrTTL, ErrDocument, ErrTooLarge, ErrTooDeep} {
		if errors.Is(err, refused) {
			return outcomeRefused
		}
	}
	return outcomeFailed
}
