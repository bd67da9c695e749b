package metric_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/tracing"
)

func TestExemplarsAreOfSampledTraces(t *testing.T) {
	t.Parallel()
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for flags, want := range map[string]string{"00": "", "01": id} {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "h", Buckets: []float64{1}})
		metric.Observe(h, 0.5, tracing.Parse("00-"+id+"-00f067aa0ba902b7-"+flags))
		written := new(dto.Metric)
		require.NoError(t, h.Write(written))
		require.EqualValues(t, 1, written.GetHistogram().GetSampleCount())
		got := ""
		for _, label := range written.GetHistogram().GetBucket()[0].GetExemplar().GetLabel() {
			got += label.GetValue()
		}
		require.Equal(t, want, got)
	}
}
