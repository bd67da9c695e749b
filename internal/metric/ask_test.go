package metric_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/metric"
)

func TestAskHoldsUpNoScrape(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		hangs := make(chan struct{})
		ask := metric.NewAsk(func(context.Context) (int, error) {
			if asked.Add(1) > 1 {
				<-hangs
			}
			return int(asked.Load()), nil
		})
		for range 3 {
			n, err := ask.Answer()
			require.NoError(t, err)
			require.Equal(t, 1, n, "an answer serves all scrapes of its second")
		}
		<-time.After(time.Minute)
		for range 3 {
			begin := time.Now()
			_, err := ask.Answer()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, 2*time.Second, time.Since(begin))
		}
		require.EqualValues(t, 2, asked.Load(), "one question is under way")
		close(hangs)
		synctest.Wait()
		n, err := ask.Answer()
		require.NoError(t, err)
		require.Equal(t, 2, n)
	})
}
