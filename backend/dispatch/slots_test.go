package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
)

// TestHangingBotLeavesTheOthersAlone has much more waiting for one bot than requests may
// run, and another bot behind it.
func TestHangingBotLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const waiting, limit = 400, DefaultConcurrency / BotShare
		var hanging atomic.Int32
		release := make(chan struct{})
		q := newFakeQueue()
		d := newWithout(t, q, func(r *http.Request) (int, error) {
			if r.URL.Host == "demo" {
				return 200, nil
			}
			hanging.Add(1)
			<-release
			return 200, nil
		}, "hanging")
		stop := running(t, d)
		for i := range waiting {
			e := newEvent(fmt.Sprint("hanging-", i))
			e.Bot = "hanging"
			q.put(1, e)
		}
		began := time.Now()
		for i := range 50 {
			q.put(1, newEvent(fmt.Sprint(i)))
		}
		for range 50 {
			require.Equal(t, "ack", q.next(t).how)
		}
		require.Zero(t, time.Since(began), "nothing waits for the bot that hangs")
		synctest.Wait()
		require.EqualValues(t, limit, hanging.Load())
		require.Equal(t, waiting-limit, int(testutil.ToFloat64(d.metrics.waiting)))
		require.Equal(t, limit, int(testutil.ToFloat64(d.metrics.inFlight)))

		time.AfterFunc(time.Second, func() { close(release) })
		require.NoError(t, stop())
		require.EqualValues(t, limit, hanging.Load(), "a stop begins no attempts")
		require.Len(t, q.settled, limit, "what waited goes back untried")
		require.Zero(t, testutil.ToFloat64(d.metrics.waiting))
	})
}

func TestHeldDeliveriesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue() // Unlike a real one it hands out whatever it has.
		d := newWithout(t, q, func(r *http.Request) (int, error) { <-r.Context().Done(); return 0, r.Context().Err() })
		d.cfg.Prefetch = 5
		require.NoError(t, d.SetBots(d.cfg.Bots))
		for i := range 50 {
			q.put(1, newEvent(fmt.Sprint(i)))
		}
		stop := running(t, d)
		synctest.Wait()
		require.Len(t, q.deliveries, 50-5*len(d.cfg.Bots)-1, "one more is in the hands of the receiver")
		require.NoError(t, stop())
	})
}

func TestBotConcurrencyDefault(t *testing.T) {
	t.Parallel()
	one, two := bots.Set{"a": {}}, bots.Set{"a": {}, "b": {}}
	for _, tc := range []struct {
		cfg  Config
		want int
	}{
		{Config{Bots: two}, 16},
		{Config{Bots: one}, 64},
		{Config{Bots: two, Concurrency: 3}, 1},
		{Config{Bots: two, Concurrency: 3, BotConcurrency: 2}, 2},
	} {
		tc.cfg.setDefaults()
		require.Equal(t, tc.want, newFleet(tc.cfg, tc.cfg.Bots, nil).botConcurrency)
	}
}

// TestSlotsLeaveSomeForOthers has one bot after the other that takes all that it can get.
func TestSlotsLeaveSomeForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const waiting = 30
		s := &slots{total: 64, log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithCancel(t.Context())
		var passes sync.WaitGroup
		granted := make(chan *gate, 1000)
		newGate := func() *gate {
			g := &gate{isOpen: prometheus.NewGauge(prometheus.GaugeOpts{}), breaker: breaker{share: 16, step: 16}}
			for range waiting {
				passes.Go(func() {
					if _, ok := s.acquire(ctx, g, false); ok {
						granted <- g
					}
				})
			}
			synctest.Wait()
			return g
		}
		var gates []*gate
		for _, want := range []int{16, 16, 16, 8, 4, 2, 1, 1, 1, 1} {
			gates = append(gates, newGate())
			require.Equal(t, want, gates[len(gates)-1].running)
		}
		require.Equal(t, 66, s.used, "the first request of a bot never waits")
		for len(granted) > 0 {
			<-granted
		}
		for range 20 {
			s.release(gates[0], pass{}, finding{health: up})
		}
		synctest.Wait()
		turns := map[*gate]int{}
		for len(granted) > 0 {
			turns[<-granted]++
		}
		for _, g := range gates[1:] {
			require.LessOrEqual(t, turns[g], 3, "nobody takes what all wait for")
		}
		cancel()
		passes.Wait()
		require.Empty(t, s.ring)
	})
}
