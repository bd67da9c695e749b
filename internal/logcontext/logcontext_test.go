package logcontext_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/logcontext"
	"github.com/botgate/botgate/internal/testlog"
)

func TestRecordsSayWhatTheirContextKnows(t *testing.T) {
	t.Parallel()
	log := new(testlog.Buffer)
	type fact struct{}
	logger := logcontext.Logger(log.Logger(), func(ctx context.Context) []slog.Attr {
		if known, ok := ctx.Value(fact{}).(string); ok {
			return []slog.Attr{slog.String("fact", known)}
		}
		return nil
	}).With("role", "api")
	outer := logcontext.With(context.WithValue(t.Context(), fact{}, "f"), slog.String("request_id", "r-1"))
	one := logcontext.With(outer, slog.String("bot", "one"))
	two := logcontext.With(outer, slog.String("bot", "two"))
	logger.InfoContext(one, "first", "n", 1)
	logger.InfoContext(two, "second")
	logger.InfoContext(t.Context(), "third")
	require.Regexp(t, `msg=first role=api n=1 request_id=r-1 bot=one fact=f\n`, log.String())
	require.Regexp(t, `msg=second role=api request_id=r-1 bot=two fact=f\n`, log.String())
	require.Regexp(t, `msg=third role=api\n`, log.String())
}
