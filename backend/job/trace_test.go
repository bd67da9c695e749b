package job_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/internal/tracing/tracetest"
)

// TestSpanOfAJobLinksToItsRequest and is a trace of its own: it may be worked on much later.
func TestSpanOfAJobLinksToItsRequest(t *testing.T) {
	t.Parallel()
	e, spans := newEnv(t, counter{}), tracetest.NewRecorder(t)
	j, err := job.New(job.Config{Engine: e.engine, Kinds: e.kinds, Tracer: spans})
	require.NoError(t, err)
	ctx, request := spans.Start(t.Context(), "request")
	made, _, err := j.Submit(ctx, job.Request{Kind: "count", Parameters: []byte("1")})
	require.NoError(t, err)
	stop := e.work(j)
	e.awaitStatus(made.ID, job.StatusDone)
	stop()
	require.Equal(t, []string{"job count{botgate.job.id=" + made.ID + " botgate.outcome=done}"}, spans.Lines())
	span := spans.Ended()[0]
	require.False(t, span.Parent().IsValid())
	require.Equal(t, request.SpanContext().SpanID(), span.Links()[0].SpanContext.SpanID())
}
