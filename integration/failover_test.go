package integration

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// TestChaosFailover kills the primary under load and promotes the standby: events are recorded
// again, and every one that was accepted is delivered in the end.
func TestChaosFailover(t *testing.T) {
	parallel(t)
	primary := testsvc.StartPostgres(t)
	standby := testsvc.StartPostgresStandby(t, primary)
	// Without, the standby may lack what the primary has confirmed. The standby does not copy it.
	primary.Configure("synchronous_standby_names", "*")
	s := newStack(t)
	s.database = strings.Replace(primary.URL, ":"+primary.Port()+"/", ":"+primary.Port()+",127.0.0.1:"+standby.Port()+"/", 1)
	s.startServices()
	load := startChaosLoad(s)
	s.roundtrip("alice")
	load.progress(t, 300)

	primary.Kill()
	held := s.acceptUnrecorded()
	hold := 2 * time.Second
	if chaosWanted() {
		hold = time.Minute
	}
	<-time.After(hold)
	load.progress(t, 100)
	standby.Promote()
	promoted := time.Now()
	late := s.accept("alice", hello)
	recorded := func(id string) string {
		s.awaitDelivered([]string{id})
		return time.Since(promoted).Round(time.Millisecond).String()
	}
	t.Logf("after %s without a primary: what waited was recorded %s after the promotion, what was accepted then, behind it, %s", hold, recorded(held), recorded(late))
	load.progress(t, 300)

	load.stop()
	require.Zero(t, load.settle(t, patience).lost)
	load.requireOrder(t)
	s.awaitDelivered(slices.Collect(maps.Keys(load.accepted)))
}

// acceptUnrecorded accepts a command that can't be recorded while there is no primary.
func (s *stack) acceptUnrecorded() (id string) {
	s.t.Helper()
	id = s.accept("alice", hello)
	a := s.get(s.officer(), "/v1/events/"+id+"?wait=1s")
	require.Contains(s.t, []int{http.StatusNotFound, http.StatusServiceUnavailable}, a.status, "%s", a.body)
	return id
}
