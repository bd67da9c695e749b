package up_test

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/up"
)

// broker is a queue in a state.
type broker struct {
	queue.Queue
	ready, history error
}

func (b broker) Ready(context.Context) error { return b.ready }

func (b broker) HistoryReady() error { return b.history }

func TestUp(t *testing.T) {
	t.Parallel()
	type metrics = map[string]float64
	for name, tc := range map[string]struct {
		broker queue.Queue
		want   metrics
	}{
		"not opened yet":  {nil, metrics{}},
		"up":              {broker{}, metrics{"botgate_queue_up": 1, "botgate_history_up": 1}},
		"down":            {broker{ready: queue.ErrUnavailable}, metrics{"botgate_queue_up": 0, "botgate_history_up": 1}},
		"no history":      {broker{history: queue.ErrNoHistory}, metrics{"botgate_queue_up": 1}},
		"history is down": {broker{history: queue.ErrUnavailable}, metrics{"botgate_queue_up": 1, "botgate_history_up": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewPedanticRegistry()
			registry.MustRegister(up.New(func() queue.Queue { return tc.broker }))
			families, err := registry.Gather()
			require.NoError(t, err)
			got := map[string]float64{}
			for _, f := range families {
				got[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
			}
			require.Equal(t, tc.want, got)
		})
	}
}
