package redisclient_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testsvc"
	"github.com/botgate/botgate/internal/tracing/tracetest"
)

// TestSpansHaveTheNamesOfCommands and no key or value, whether they share round trips or not. Connections have none.
func TestSpansHaveTheNamesOfCommands(t *testing.T) {
	t.Parallel()
	p, spans := open(t, testsvc.Redis(t)), tracetest.NewRecorder(t)
	ctx, request := spans.Start(t.Context(), "request")
	set := redis.NewStatusCmd(context.Background(), "set", "private", "private")
	require.NoError(t, p.Do(ctx, patient, set))
	require.NoError(t, p.Do(ctx, patient, p.Script(`return KEYS[1]`).Command([]string{"private"})))
	require.NoError(t, p.Do(ctx, patient, incr("other"), incr("other")))
	require.Error(t, p.Do(ctx, patient, incr("private")))
	require.ErrorIs(t, p.Client().Get(ctx, "none").Err(), redis.Nil)
	_, err := p.Client().Pipelined(ctx, func(several redis.Pipeliner) error {
		several.Set(ctx, "private", "private", time.Minute)
		several.Unlink(ctx, "private")
		return nil
	})
	require.NoError(t, err)
	line := func(name, more string) string {
		return name + "{db.system.name=redis db.operation.name=" + name + more + "}"
	}
	require.Equal(t, []string{
		line("SET", ""), line("EVALSHA", ""), line("PIPELINE", " db.operation.batch.size=2"), "!" + line("INCR", " error.type=refused"),
		line("GET", ""), line("PIPELINE", " db.operation.batch.size=2"),
	}, spans.Lines())
	for _, span := range spans.Ended() {
		require.Equal(t, request.SpanContext(), span.Parent())
	}
}

func TestSpanOfACallBeginsWhenItIsSent(t *testing.T) {
	t.Parallel()
	p, spans := open(t, testsvc.Redis(t)), tracetest.NewRecorder(t)
	call := redisclient.NewCall(patient, incr("n"))
	p.Send(call)
	ctx, _ := spans.Start(t.Context(), "what came later")
	later := time.Now()
	require.NoError(t, call.Wait(ctx))
	require.True(t, spans.Ended()[0].StartTime().Before(later))
}
