package dispatch

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/queue"
)

// TestSeriesAreThoseOfTheBotsFile has more bots than may have series of their own, and takes one out.
func TestSeriesAreThoseOfTheBotsFile(t *testing.T) {
	t.Parallel()
	names := make([]string, metric.MaxBots+2)
	for n := range names {
		names[len(names)-1-n] = fmt.Sprintf("bot-%03d", n)
	}
	b := newByBot()
	b.follow(names)
	count := func(bot string, replays int, status event.Status) {
		e := &event.Event{Bot: bot, Time: time.Now()}
		b.count(&queue.Delivery{Event: e, Replays: replays}, event.Change{Status: status, At: e.Time.Add(-time.Second)})
	}
	attempts := func(bot string, status event.Status) int {
		return int(testutil.ToFloat64(b.attempts.WithLabelValues(bot, string(status))))
	}
	for _, bot := range []string{"bot-000", "bot-199", "bot-200", "bot-201", "unknown"} {
		count(bot, 0, event.StatusDelivered)
	}
	count("bot-000", 1, event.StatusFailed)
	require.Equal(t, metric.MaxBots+1, testutil.CollectAndCount(b.delay))
	require.Equal(t, 4*(metric.MaxBots+1), testutil.CollectAndCount(b.attempts))
	require.Equal(t, 1, attempts("bot-000", event.StatusDelivered))
	require.Equal(t, 1, attempts("bot-000", event.StatusFailed))
	require.Equal(t, 1, attempts("bot-199", event.StatusDelivered))
	require.Equal(t, 3, attempts(metric.OtherBots, event.StatusDelivered))

	b.follow([]string{"bot-000"})
	count("bot-199", 0, event.StatusDelivered) // It was under way.
	require.Equal(t, 2, testutil.CollectAndCount(b.delay))
	require.Equal(t, 1, attempts("bot-000", event.StatusDelivered), "what stays goes on counting")
	require.Equal(t, 4, attempts(metric.OtherBots, event.StatusDelivered))
}
