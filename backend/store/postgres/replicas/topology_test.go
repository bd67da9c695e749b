package replicas

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const bound = 2 * time.Second

var begin = time.Now()

// at is a time in milliseconds since the begin.
func at(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }

// primaryOf and follower are what probes find.
func primaryOf(ms int, position lsn, timeline uint32) observation {
	return observation{at: at(ms), primary: true, position: position, timeline: timeline}
}

func follower(ms int, position lsn, timeline uint32) observation {
	return observation{at: at(ms), position: position, timeline: timeline, streaming: true}
}

func shardOf(readable ...bool) *topology {
	t := &topology{primary: none}
	for _, r := range readable {
		t.servers = append(t.servers, server{readable: r})
	}
	return t
}

func requireRoute(t *testing.T, topology *topology, ms, server int, why reason) {
	t.Helper()
	got, gotWhy := topology.chooseReplica(at(ms), bound, 0)
	require.Equal(t, why, gotWhy)
	require.Equal(t, server, got)
}

func TestNothingIsKnownYet(t *testing.T) {
	t.Parallel()
	s := shardOf(true, true)
	requireRoute(t, s, 0, none, replicasDown)
	s.observe(1, follower(0, 100, 1))
	requireRoute(t, s, 0, none, replicasLag)
	s.observe(0, primaryOf(10, 100, 1))
	requireRoute(t, s, 10, 1, withinBound)
}

func TestNoReplica(t *testing.T) {
	t.Parallel()
	s := shardOf(false)
	s.observe(0, primaryOf(0, 100, 1))
	requireRoute(t, s, 0, none, noReplica)
}

func TestIdlePrimaryHasReplicasThatDoNotLag(t *testing.T) {
	t.Parallel()
	s := shardOf(true, true)
	s.observe(1, follower(0, 100, 1))
	for ms := 0; ms <= 60_000; ms += 500 {
		s.observe(0, primaryOf(ms, 100, 1))
		requireRoute(t, s, ms+499, 1, withinBound)
	}
	require.Len(t, s.samples, 1)
}

func TestReplicaThatStandsStill(t *testing.T) {
	t.Parallel()
	s := shardOf(true, true)
	for ms := 0; ms <= 10_000; ms += 500 {
		s.observe(0, primaryOf(ms, 100+lsn(ms), 1))
		s.observe(1, follower(ms, 100+lsn(min(ms, 1000)), 1))
	}
	requireRoute(t, s, 10_000, none, replicasLag)
	require.Equal(t, 9*time.Second, s.summarize(at(10_000), bound).maxLag)
	s.observe(1, follower(10_100, 100+10_000, 1))
	requireRoute(t, s, 10_100, 1, withinBound)
	require.Equal(t, summary{primaries: 1, current: 1, maxLag: 100 * time.Millisecond}, s.summarize(at(10_100), bound))
}

// A replica without its primary may be on an abandoned timeline.
func TestReplicaThatFollowsNobody(t *testing.T) {
	t.Parallel()
	s := shardOf(true, true)
	s.observe(0, primaryOf(0, 100, 1))
	s.observe(1, observation{at: at(0), position: 100})
	requireRoute(t, s, 0, none, replicasLag)
}

func TestPrimaryDown(t *testing.T) {
	t.Parallel()
	s := shardOf(true, true, true)
	s.observe(0, primaryOf(0, 200, 1))
	s.observe(1, follower(0, 100, 1))
	s.observe(2, follower(0, 200, 1))
	s.markDown(0)
	s.observe(2, observation{at: at(100), position: 200})
	requireRoute(t, s, 2000, 2, withinBound)
	requireRoute(t, s, 2001, 2, primaryDown)
	s.markDown(2)
	requireRoute(t, s, 2001, 1, primaryDown)
	s.markDown(1)
	requireRoute(t, s, 2001, none, replicasDown)
}

func TestPromotion(t *testing.T) {
	t.Parallel()
	s := shardOf(true, true, true)
	require.Equal(t, promoted, s.observe(0, primaryOf(0, 900, 1)))
	s.observe(1, follower(0, 500, 1))
	s.observe(2, follower(0, 900, 1))
	s.markDown(0)
	require.Equal(t, promoted, s.observe(1, primaryOf(1000, 510, 2)))
	requireRoute(t, s, 1000, none, replicasLag) // 2 has what was lost, at the same positions.
	s.observe(2, follower(1100, 900, 1))
	requireRoute(t, s, 1100, none, replicasLag)
	s.observe(2, follower(1200, 520, 2))
	requireRoute(t, s, 1200, 2, withinBound)

	require.Equal(t, stale, s.observe(0, primaryOf(1300, 5000, 1)))
	require.Equal(t, 1, s.primary)
	requireRoute(t, s, 1300, 2, withinBound)
	s.observe(0, follower(1400, 520, 2))
	chosen := map[int]bool{}
	for turn := range uint64(4) {
		i, _ := s.chooseReplica(at(1400), bound, turn)
		chosen[i] = true
	}
	require.Equal(t, map[int]bool{0: true, 2: true}, chosen, "reads go to the old primary in turn, not to the new one")
}

func TestTwoPrimariesOfOneTimeline(t *testing.T) {
	t.Parallel()
	s := shardOf(true, true)
	s.observe(1, primaryOf(0, 100, 1))
	require.Equal(t, returned, s.observe(0, primaryOf(10, 100, 1)))
	require.Equal(t, 1, s.primary)
	s.markDown(1)
	require.Equal(t, promoted, s.observe(0, primaryOf(20, 100, 1)))
}

func TestPrimaryRestoredToAnEarlierPosition(t *testing.T) {
	t.Parallel()
	s := shardOf(false, true)
	for n, position := range []lsn{100, 300, 900} {
		s.observe(0, primaryOf(1000*n, position, 1))
	}
	s.observe(1, follower(2000, 300, 1))
	s.observe(0, primaryOf(3000, 500, 1))
	requireRoute(t, s, 3000, none, replicasLag)
	s.observe(0, primaryOf(3100, 501, 1))
	s.observe(1, follower(3200, 500, 1))
	require.Equal(t, at(3000), s.servers[1].currentAt)
}

func TestSamplesAreBounded(t *testing.T) {
	t.Parallel()
	s := shardOf(false, true)
	for n := range 3 * maxSamples {
		s.observe(0, primaryOf(n, lsn(n+1), 1))
	}
	require.Len(t, s.samples, maxSamples)
	s.observe(1, follower(0, 3*maxSamples, 1))
	require.Equal(t, at(3*maxSamples-1), s.servers[1].currentAt)
}

// TestNoReadIsOlderThanTheBound has a primary that commits, a replica that follows at will
// or not at all, and answers that take their time, and looks at what each read would miss.
func TestNoReadIsOlderThanTheBound(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := shardOf(false, true)
		var committed []int // When the commit with this number was confirmed.
		replayed, stalled, fromReplica := 0, false, 0
		var underWay [2]struct {
			due  int
			seen observation
		}
		for ms := range 20_000 {
			for i := range underWay {
				if ms < underWay[i].due {
					continue
				}
				if ms > 0 && ms == underWay[i].due {
					s.observe(i, underWay[i].seen)
				}
				underWay[i].due = ms + 1 + r.IntN(400)
				underWay[i].seen = []observation{primaryOf(ms, lsn(len(committed)), 1), follower(ms, lsn(replayed), 1)}[i]
			}
			switch r.IntN(50) {
			case 0:
				committed = append(committed, ms)
			case 1:
				stalled = r.IntN(10) == 0 || stalled && r.IntN(20) > 0
			case 2:
				if !stalled {
					replayed = len(committed)
				}
			}
			if i, _ := s.chooseReplica(at(ms), bound, 0); i != none {
				fromReplica++
				if replayed < len(committed) {
					require.LessOrEqual(t, ms-committed[replayed], int(bound.Milliseconds()), "seed %d, at %d ms", seed, ms)
				}
			}
		}
		require.NotZero(t, fromReplica)
	}
}
