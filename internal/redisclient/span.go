package redisclient

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/tracing"
)

// severalName is the name of several commands in one round trip.
const severalName = "PIPELINE"

// ofConnections are commands of the library itself, when it has a new connection.
var ofConnections = map[string]bool{"hello": true, "auth": true, "client": true, "select": true, "readonly": true}

// traced has a span of commands that were sent then, where the context's is recorded: with the name of the first, and no
// argument of any, for keys may be made of users' names.
func traced(ctx context.Context, first string, commands int, sent time.Time, do func(context.Context) error) error {
	if tracing.Recording(ctx) == nil || ofConnections[first] {
		return do(ctx)
	}
	name := strings.ToUpper(first)
	if commands > 1 {
		name = severalName
	}
	ctx, span := tracing.Child(ctx, name, trace.SpanKindClient, trace.WithTimestamp(sent))
	defer span.End()
	span.SetAttributes(attribute.String("db.system.name", "redis"), attribute.String("db.operation.name", name))
	if commands > 1 {
		span.SetAttributes(attribute.Int("db.operation.batch.size", commands))
	}
	err := do(ctx)
	if cause := causeOf(err); cause != "" {
		tracing.Fail(span, cause)
	}
	return err
}

// causeOf is what a span says of an error; empty for none.
func causeOf(err error) string {
	answer := redis.Error(nil)
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		return ""
	case errors.As(err, &answer):
		return "refused"
	}
	return tracing.CauseOf(err)
}

// spans is a hook of clients. What a [Pipe] sends is of many requests, and in the context of none: [Call.Wait] has its
// spans.
type spans struct{}

// DialHook implements [redis.Hook].
func (spans) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements [redis.Hook].
func (spans) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return traced(ctx, cmd.Name(), 1, time.Time{}, func(ctx context.Context) error { return next(ctx, cmd) })
	}
}

// ProcessPipelineHook implements [redis.Hook].
func (spans) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return traced(ctx, cmds[0].Name(), len(cmds), time.Time{}, func(ctx context.Context) error { return next(ctx, cmds) })
	}
}
