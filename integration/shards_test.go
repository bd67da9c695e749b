package integration

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

const (
	// sparedWait is how long the users of other shards may wait when one begins to hang.
	sparedWait = 5 * time.Second
	// tripsBefore is how many commands tell what is usual on this machine.
	tripsBefore = 20
)

// outage is a shard's server that is unreachable for a while.
type outage struct {
	name       string
	begin, end func()
	holds      time.Duration
	// hit has its database; spared is the other one, which must not notice.
	hit, spared string
}

// TestChaosShard stops the server of one shard under load. The users of the other one are
// recorded and answered all the time, as fast as before but for the wait that docs/explanation/guarantees.md
// grants, and nothing of anybody is lost.
func TestChaosShard(t *testing.T) {
	parallel(t)
	a, b := testsvc.StartPostgres(t), testsvc.StartPostgres(t)
	s := newStack(t)
	s.useShards(a.URL, b.URL)
	s.startServices()
	load := startChaosLoad(s)
	outages := []outage{{"server of a killed", a.Kill, a.Restart, 3 * time.Second, "a", "b"}}
	if chaosWanted() {
		outages = []outage{
			{"server of a killed", a.Kill, a.Restart, time.Minute, "a", "b"},
			{"server of b frozen", b.Pause, b.Resume, time.Minute, "b", "a"},
		}
	}
	for _, o := range outages {
		s.endure(o, load)
	}
	load.stop()
	require.Zero(t, load.settle(t, patience).lost)
	load.requireOrder(t)
}

// useShards spreads the users over two databases, which are a and b in the shards file.
func (s *stack) useShards(a, b string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "data", "shards.json")
	file := fmt.Sprintf(`{"shards": {"a": {"url": %q}, "b": {"url": %q}},
		"buckets": [{"from": 0, "to": 511, "shard": "a"}, {"from": 512, "to": 1023, "shard": "b"}]}`, a, b)
	require.NoError(s.t, os.WriteFile(path, []byte(file), 0o600))
	s.database = a // Not used: the file is.
	s.env = append(s.env, "BOTGATE_SHARDS_FILE="+path)
	settings := config.Default()
	settings.Data.ShardsFile = path
	opened, err := app.OpenStore(s.t.Context(), settings, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(s.t, err)
	s.opened = opened
	s.t.Cleanup(func() { require.NoError(s.t, opened.Close()) })
}

// userOf returns a user of the shard, another one for each n.
func userOf(shard string, n int) string {
	for i := 0; ; i++ {
		name := fmt.Sprintf("of-%s-%d", shard, i)
		if event.BucketOf(name) < event.Buckets/2 == (shard == "a") {
			if n--; n < 0 {
				return name
			}
		}
	}
}

// endure lets the outage happen under load.
func (s *stack) endure(o outage, load *chaosLoad) {
	s.t.Helper()
	usual := s.longestTrip(userOf(o.spared, 0), tripsBefore)
	before := s.roundtrip(userOf(o.hit, 0))
	load.progress(s.t, 100)
	o.begin()
	s.awaitList(true)
	s.awaitReadiness(`"status":"degraded"`, `"store":"away: shard `+o.hit+`"`)
	over := time.Now().Add(o.holds)
	var longest time.Duration
	trips, waiting := 0, []string{}
	for n := 0; time.Now().Before(over); n++ {
		began := time.Now()
		s.roundtrip(userOf(o.spared, n%8))
		longest = max(longest, time.Since(began))
		trips++
		waiting = append(waiting, s.accept(userOf(o.hit, n%8), hello))
	}
	require.Positive(s.t, trips)
	fresh := s.get(s.officer(), "/v1/events/"+waiting[0])
	requireProblem(s.t, fresh, http.StatusServiceUnavailable, "")
	s.awaitParked(func(n int) bool { return n > 0 })
	o.end()
	returned := time.Now()
	s.awaitDelivered(append(waiting, before))
	s.awaitParked(func(n int) bool { return n == 0 })
	s.t.Logf("%s for %s: %d commands of the other shard's users, each delivered and recorded after %s at most; parked ones were back after %s",
		o.name, o.holds, trips, longest.Round(time.Millisecond), time.Since(returned).Round(time.Millisecond))
	require.LessOrEqual(s.t, longest, sparedWait+10*usual, "a spared user's command; the longest of %d before took %s", tripsBefore, usual)
	s.awaitList(false)
	s.awaitReadiness(`"status":"ready"`)
	require.NoError(s.t, load.count().fatal)
}

// longestTrip returns how long the slowest of n commands of the user takes on this machine,
// under the load that there is.
func (s *stack) longestTrip(user string, n int) (longest time.Duration) {
	s.t.Helper()
	for range n {
		began := time.Now()
		s.roundtrip(user)
		longest = max(longest, time.Since(began))
	}
	return longest
}

// roundtrip sends a command of the user and waits, as a client does, for its delivery to be
// recorded. It returns the event's id.
func (s *stack) roundtrip(user string) string {
	s.t.Helper()
	id := s.accept(user, hello)
	eventually(s.t, func() error {
		a := s.get(s.officer(), "/v1/events/"+id+"?wait=20s")
		require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
		if !strings.Contains(string(a.body), `"status":"delivered"`) {
			return fmt.Errorf("not delivered: %s", a.body)
		}
		return nil
	})
	return id
}

// awaitDelivered waits until all events are shown as delivered, of a server that may just be
// coming back.
func (s *stack) awaitDelivered(ids []string) {
	s.t.Helper()
	eventually(s.t, func() error {
		shown, err := s.listed("status=delivered")
		if err != nil {
			return err
		}
		for _, id := range ids {
			if !shown[id] {
				return fmt.Errorf("event %s is not shown as delivered", id)
			}
		}
		return nil
	})
}

// listed follows the pages of a list, and returns the ids of its events. An error means that
// the database gives no answer.
func (s *stack) listed(query string) (map[string]bool, error) {
	s.t.Helper()
	ids, cursor := map[string]bool{}, ""
	for {
		var page struct {
			Events     []struct{ ID string }
			NextCursor string `json:"next_cursor"`
		}
		a := s.get(s.officer(), "/v1/events?limit=200&"+query+"&cursor="+cursor)
		if a.status == http.StatusServiceUnavailable {
			return nil, fmt.Errorf("answered %d: %s", a.status, a.body)
		}
		require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
		a.json(s.t, &page)
		for _, e := range page.Events {
			ids[e.ID] = true
		}
		if cursor = page.NextCursor; cursor == "" {
			return ids, nil
		}
	}
}

// awaitList waits until lists over all users say that they are incomplete, or don't.
func (s *stack) awaitList(incomplete bool) {
	s.t.Helper()
	eventually(s.t, func() error {
		a := s.get(s.officer(), "/v1/events?limit=10")
		var page struct {
			Incomplete bool
			Events     []json.RawMessage
		}
		if a.status == http.StatusOK {
			a.json(s.t, &page)
		}
		if a.status != http.StatusOK || len(page.Events) != 10 || page.Incomplete != incomplete {
			return fmt.Errorf("status %d, %d events, incomplete %t", a.status, len(page.Events), page.Incomplete)
		}
		return nil
	})
}

// awaitReadiness waits until the processes of api and record, which no shard takes out of use, say this.
func (s *stack) awaitReadiness(says ...string) {
	s.t.Helper()
	for _, base := range []string{s.api, s.backends[1].base} {
		eventually(s.t, func() error {
			a, err := send(http.MethodGet, base+"/readyz", nil, nil)
			if err != nil {
				return err
			}
			require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
			for _, part := range says {
				if !strings.Contains(string(a.body), part) {
					return fmt.Errorf("/readyz answers %s", a.body)
				}
			}
			return nil
		})
	}
}

var parkedDepth = regexp.MustCompile(`(?m)^botgate_queue_depth\{bot="",group="parked"\} (\d+)$`)

// awaitParked waits until the process that records shows such a depth of what is parked.
func (s *stack) awaitParked(reached func(n int) bool) {
	s.t.Helper()
	eventually(s.t, func() error {
		a, err := send(http.MethodGet, s.backends[1].base+"/metrics", nil, nil)
		if err != nil {
			return err
		}
		match := parkedDepth.FindStringSubmatch(string(a.body))
		if match == nil {
			return fmt.Errorf("no depth: %s", strings.Join(regexp.MustCompile(`botgate_queue_depth.*`).FindAllString(string(a.body), -1), ", "))
		}
		var n int
		if _, err := fmt.Sscan(match[1], &n); err != nil || !reached(n) {
			return fmt.Errorf("%s are parked", match[1])
		}
		return nil
	})
}
