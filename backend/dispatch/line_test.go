package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// TestBulkLeavesRequestsForOthers has much bulk before others, of a bot that may have four requests.
func TestBulkLeavesRequestsForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slots{total: 4, alone: true, log: slog.New(slog.DiscardHandler)}
		g := &gate{isOpen: prometheus.NewGauge(prometheus.GaugeOpts{}), breaker: breaker{share: 4, step: 4}}
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		granted := make(chan pass, 1000)
		wait := func(n int, isBulk bool) {
			for range n {
				waiting.Go(func() {
					if p, ok := s.acquire(ctx, g, isBulk); ok {
						granted <- p
					}
				})
			}
			synctest.Wait()
		}
		came := func() (bulk []bool) {
			synctest.Wait()
			for len(granted) > 0 {
				p := <-granted
				bulk = append(bulk, p.isBulk)
				s.release(g, p, finding{health: up})
			}
			return bulk
		}
		wait(100, true)
		require.Len(t, granted, 2, "half of the requests")
		wait(1, false)
		require.Len(t, granted, 3, "another event does not wait for bulk")
		wait(100, false)
		require.Len(t, granted, 4)

		var order []bool
		for len(order) < 201 {
			order = append(order, came()...)
		}
		bulk := 0
		for n, is := range order[:100] {
			if is {
				bulk++
			}
			require.LessOrEqual(t, bulk, 2+n/10, "the others go first")
		}
		require.Greater(t, bulk, 2, "and bulk goes, too")
		require.Equal(t, []int{0, 0}, []int{g.running, g.line.running})
		cancel()
		waiting.Wait()
		require.Zero(t, g.line.len())
	})
}
