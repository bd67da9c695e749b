package integration

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scheduleAt sends a command that is due at a time, and returns its id.
func (s *stack) scheduleAt(user string, due time.Time, n int) string {
	s.t.Helper()
	header := bearer(s.token(user))
	header.Set("Botgate-Deliver-At", due.Format(time.RFC3339Nano))
	a, err := send(http.MethodPost, s.base+"/v1/bots/demo/commands", header, numbered(n))
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusAccepted, a.status, "%s", a.body)
	var accepted struct{ ID, Status string }
	a.json(s.t, &accepted)
	require.Equal(s.t, "scheduled", accepted.Status)
	return accepted.ID
}

// TestScheduled has events be due while the processes that hand them over are killed: each comes when it is due and not
// before, those of a user in their order, and on services once. What is cancelled never comes.
func TestScheduled(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, s *stack) {
		t.Parallel()
		jobs := []*process{s.startWorker(), s.startWorker()}
		due := time.Now().Add(100 * time.Second) // What is due within a minute is not scheduled.
		at := map[string]time.Time{}
		byUser := map[string][]string{}
		for n := range 40 {
			user := fmt.Sprint("user-", n%4)
			when := due.Add(time.Duration(40-n) * 100 * time.Millisecond) // The last one sent is due first.
			id := s.scheduleAt(user, when, n)
			at[id] = when
			byUser[user] = append([]string{id}, byUser[user]...)
		}
		gone, late := s.scheduleAt("alice", due, 1000), s.scheduleAt("alice", due.Add(time.Hour), 1001)
		s.requireCancelled(gone, late)

		for early := time.Until(due); early > 0; early = time.Until(due) {
			require.Empty(t, s.bot.all(), "nothing comes before it is due")
			<-time.After(min(early, 100*time.Millisecond))
		}
		for n := range 3 {
			s.awaitDistinct(5 * (n + 1))
			if s.embedded() {
				s.gateway.kill()
				s.startGateway()
				continue
			}
			jobs[n%2].kill()
			jobs[n%2] = s.startWorker()
		}
		s.awaitDistinct(len(at))
		got := map[string][]string{}
		for _, d := range s.bot.all() {
			if s.embedded() && slices.Contains(got[d.subject], d.id) {
				continue // What was at the bot when its dispatch was killed comes again, with its id.
			}
			got[d.subject] = append(got[d.subject], d.id)
		}
		require.Equal(t, byUser, got)
		for id := range at {
			s.awaitStatus(id, "delivered")
		}
		a, err := send(http.MethodDelete, s.base+"/v1/events/"+byUser["user-0"][0], s.officer(), nil)
		require.NoError(t, err)
		requireProblem(t, a, http.StatusConflict, "not-scheduled")
	})
}

// awaitDistinct waits until so many events came to the bot. A process that is killed is waited for by the next one.
func (s *stack) awaitDistinct(want int) {
	s.t.Helper()
	eventuallyWithin(s.t, 2*patience, func() error {
		if n := s.bot.distinct(); n < want {
			return fmt.Errorf("%d of %d events came", n, want)
		}
		return nil
	})
}

// requireCancelled cancels events, as those may who send commands, and no others.
func (s *stack) requireCancelled(ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		s.do(http.MethodDelete, "/v1/events/"+id, nil, http.StatusNoContent)
		s.do(http.MethodDelete, "/v1/events/"+id, nil, http.StatusNoContent)
		s.awaitStatus(id, "cancelled")
	}
}
