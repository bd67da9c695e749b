package record

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// delays is how many events had their delay observed.
func delays(t *testing.T, registry prometheus.Gatherer) (n int) {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "botgate_record_delay_seconds" {
			n = int(f.GetMetric()[0].GetHistogram().GetSampleCount()) //nolint:gosec // It is small.
		}
	}
	return n
}

// TestDelayIsThatOfAcceptedEvents leaves out a change and a replay, and is not upset by a clock that is behind.
func TestDelayIsThatOfAcceptedEvents(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	m, err := newMetrics(registry)
	require.NoError(t, err)
	accepted := storetest.Event(0)
	change, err := event.NewChange(accepted, event.Change{EventID: accepted.ID, Status: event.StatusDelivered, Attempt: 1, At: time.Now()})
	require.NoError(t, err)
	m.committed([]item{
		{delivery: &queue.Delivery{Event: accepted}},
		{delivery: &queue.Delivery{Event: accepted, Replays: 1}},
		{delivery: &queue.Delivery{Event: change}},
	}, accepted.Time.Add(-time.Hour))
	require.Equal(t, 1, delays(t, registry))
}
