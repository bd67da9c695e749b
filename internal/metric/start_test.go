package metric_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/metric"
)

func TestStart(t *testing.T) {
	t.Parallel()
	type outcome string
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metric.Start(
		prometheus.NewCounterVec(prometheus.CounterOpts{Name: "botgate_test_total", Help: "A test's metric."}, []string{"bot", "outcome"}),
		[]string{"a", "b"}, metric.Values[outcome]("good", "bad", "ugly"),
	))
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Len(t, families, 1)
	var got [][]string
	for _, m := range families[0].GetMetric() {
		require.Zero(t, m.GetCounter().GetValue())
		got = append(got, []string{m.GetLabel()[0].GetValue(), m.GetLabel()[1].GetValue()})
	}
	require.ElementsMatch(t, [][]string{{"a", "good"}, {"a", "bad"}, {"a", "ugly"}, {"b", "good"}, {"b", "bad"}, {"b", "ugly"}}, got)
}
