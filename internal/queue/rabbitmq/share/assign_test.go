package share_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue/rabbitmq/share"
)

func TestAssign(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		members []share.Member
		want    map[string]share.Places
	}{
		"nobody":   {nil, map[string]share.Places{}},
		"one":      {[]share.Member{{"a", []string{"bot.x"}}}, map[string]share.Places{"bot.x": {Owner: "a"}}},
		"only one": {[]share.Member{{"a", nil}, {"b", []string{"bot.x"}}}, map[string]share.Places{"bot.x": {Owner: "b"}}},
		"who can": {
			[]share.Member{{"a", []string{"bot.x"}}, {"b", []string{"bot.x", "bot.y", "bot.z"}}},
			map[string]share.Places{"bot.x": {Owner: "a", Backup: "b"}, "bot.y": {Owner: "b"}, "bot.z": {Owner: "b"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, share.Assign(c.members))
		})
	}
}

// Whoever asks, in whatever order it knows the members.
func TestAssignIsTheSameForAll(t *testing.T) {
	t.Parallel()
	members := group(5, bots(30))
	want := share.Assign(members)
	for range 10 {
		rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		require.Equal(t, want, share.Assign(members))
	}
}

func TestAssignIsEven(t *testing.T) {
	t.Parallel()
	for _, queues := range []int{1, 3, 16, 100} {
		for members := 1; members <= 9; members++ {
			names := append(bots(queues), "unrouted")
			places := share.Assign(group(members, names))
			require.Len(t, places, len(names))
			requireEven(t, places, members, bots(queues))
			for name, p := range places {
				require.Equal(t, members > 1, p.Backup != "", name)
				require.NotEqual(t, p.Owner, p.Backup, name)
			}
		}
	}
}

// A busy bot's queues are spread, so that all processes work for it.
func TestAssignSpreadsTheQueuesOfABot(t *testing.T) {
	t.Parallel()
	names, busy := bots(20), []string{"bot.busy"}
	for n := 1; n < 4; n++ {
		busy = append(busy, fmt.Sprint("bot.busy.", n))
	}
	for range 20 {
		places := share.Assign(group(4, slices.Concat(names, busy)))
		requireEven(t, places, 4, slices.Concat(names, busy))
		requireEven(t, places, 4, busy)
	}
}

// When a member ends, its backups own its queues; hardly anything else moves.
func TestAssignMovesLittle(t *testing.T) {
	t.Parallel()
	const queues, runs = 64, 20
	names := bots(queues)
	for count := 2; count <= 8; count++ {
		others, all := 0, 0
		for range runs {
			members := group(count, names)
			gone := members[0].ID
			after := share.Assign(members[1:])
			for name, before := range share.Assign(members) {
				if before.Owner == gone {
					require.Equal(t, before.Backup, after[name].Owner)
					continue
				}
				all++
				if after[name].Owner != before.Owner {
					others++
				}
			}
		}
		require.Less(t, others*8, all, "%d of %d other queues moved with %d members", others, all, count)
	}
}

func bots(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("bot.bot-", i, "-of-", n)
	}
	return names
}

// group is so many members with ids of their own.
func group(n int, queues []string) []share.Member {
	members := make([]share.Member, n)
	for i := range members {
		members[i] = share.Member{ID: fmt.Sprint("member-", rand.Uint64()), Queues: queues}
	}
	return members
}

func requireEven(t *testing.T, places map[string]share.Places, members int, names []string) {
	t.Helper()
	owned := map[string]int{}
	for _, name := range names {
		owned[places[name].Owner]++
	}
	most := slices.Max(slices.Collect(maps.Values(owned)))
	require.LessOrEqual(t, most, (len(names)+members-1)/members, "%v", owned)
	if fewest := slices.Min(slices.Collect(maps.Values(owned))); len(owned) == members {
		require.LessOrEqual(t, most-fewest, 1, "%v", owned)
	} else {
		require.Equal(t, 1, most, "%v", owned)
	}
}
