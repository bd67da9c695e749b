package claimcheck_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/claimcheck"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/internal/tracing/tracetest"
)

// TestBodiesInTheStoreAreSpans of their events, where those are sampled.
func TestBodiesInTheStoreAreSpans(t *testing.T) {
	t.Parallel()
	spans, blobs := tracetest.NewRecorder(t), newMemory()
	m := tracing.NewMessaging(spans, "sqlite:")
	q := open(t, t.TempDir(), claimcheck.Config{Blobs: blobs, Threshold: 1000, Messaging: m})
	sampled, other := newEvent(t, 1001), newEvent(t, 1002)
	ctx, publish := m.Publish(t.Context(), sampled)
	require.NoError(t, q.Publish(ctx, sampled))
	publish.End()
	require.NoError(t, q.Publish(t.Context(), other))
	c := subscribe(t, q, queue.Dispatch)
	receive(t, c)
	receive(t, c)

	ended := spans.Ended()
	require.Len(t, ended, 3)
	require.Equal(t, "put blob{botgate.blob.size=1001}", spans.Lines()[0])
	require.Equal(t, publish.SpanContext(), ended[0].Parent())
	require.Equal(t, "get blob{cloudevents.event_id="+sampled.ID+
		" botgate.bot=demo messaging.consumer.group.name=dispatch botgate.blob.size=1001}", spans.Lines()[2])
	require.Equal(t, publish.SpanContext().SpanID(), ended[2].Parent().SpanID())
}
