package spool_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue/spool"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/internal/tracing/tracetest"
)

// TestEachRunOfDrainingIsOneSpan and what is drained belongs to where it was published.
func TestEachRunOfDrainingIsOneSpan(t *testing.T) {
	t.Parallel()
	const publish = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	b, spans := &broker{}, tracetest.NewRecorder(t)
	q := open(t, b, spool.Config{Messaging: tracing.NewMessaging(spans, "amqp://")}, spool.Options{})
	var want []string
	for range 2 {
		b.behave(always(unavailable))
		for n := range 3 {
			e := newEvent(t, "k", n)
			e.TraceParent = publish
			require.NoError(t, q.Publish(t.Context(), e))
		}
		require.Empty(t, spans.Ended()[len(want):])
		b.behave(nil)
		waitDrained(t, q)
		want = append(want, "drain botgate.spool{messaging.system=rabbitmq messaging.batch.message_count=3}")
		require.Equal(t, want, spans.Lines())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	require.NotEmpty(t, b.taken)
	for _, e := range b.taken {
		require.Equal(t, publish, e.TraceParent)
	}
}
