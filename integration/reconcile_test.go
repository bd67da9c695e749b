package integration

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

// TestReconcile purges the queue of a bot, with a large body in it, and has the bot be down with other
// events behind that: what was lost is delivered, and what waits is not multiplied.
func TestReconcile(t *testing.T) {
	t.Parallel()
	s := newStackWithFiles(t)
	s.startServicesAlone()
	s.env = append(s.env, "BOTGATE_RECONCILE_AFTER=2s")
	s.backends[2].kill()
	lost := append(s.acceptMany("alice", 3), s.acceptLarge(1, 400<<10)...)
	s.awaitWaiting("botgate.bot.demo", len(lost))
	s.rabbit.Rabbitmqctl("purge_queue", "botgate.bot.demo")

	s.bot.failWith(func(delivered) int { return http.StatusServiceUnavailable })
	s.reviveDispatch()
	waiting := s.acceptMany("bob", 30)
	total := len(lost) + len(waiting)
	eventually(t, func() error {
		if n := len(s.recorded()); n < total {
			return fmt.Errorf("%d of %d events are recorded", n, total)
		}
		return nil
	})
	s.backend("jobs")
	reconciled := func(more int64) int64 {
		var done int64
		eventually(t, func() error {
			var jobs struct{ Jobs []jobShown }
			s.do(http.MethodGet, "/v1/jobs", nil, http.StatusOK).json(t, &jobs)
			if len(jobs.Jobs) != 1 || jobs.Jobs[0].Done < more {
				return fmt.Errorf("the jobs are %+v", jobs.Jobs)
			}
			done = jobs.Jobs[0].Done
			return nil
		})
		return done
	}
	s.awaitWaiting("botgate.bot.demo", total)
	reconciled(reconciled(1) + 3*int64(total)) // Some looks later …
	s.awaitWaiting("botgate.bot.demo", total)  // … there are no more.

	s.bot.failWith(nil)
	s.awaitReceived(total)
	s.awaitWaiting("botgate.bot.demo", 0)
	require.Len(t, s.bot.all(), total)
	stored := map[string]event.Status{}
	eventually(t, func() error {
		for _, r := range s.recorded() {
			stored[r.Event.ID] = r.Status
		}
		for _, id := range lost {
			if stored[id] != event.StatusDelivered {
				return fmt.Errorf("event %s is %s", id, stored[id])
			}
		}
		return nil
	})
	require.Len(t, stored, total)
	large, err := s.store().Get(t.Context(), lost[3])
	require.NoError(t, err)
	for _, d := range s.bot.all() {
		if d.id == lost[3] {
			require.Equal(t, large.Event.Data, d.body)
		}
	}
}
