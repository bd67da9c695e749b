package share_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue/rabbitmq/share"
)

var times = share.Config{Timeout: 5 * time.Second, Settle: 3 * time.Second, Rest: 30 * time.Second}

// step is the time between two looks at the world.
const step = 100 * time.Millisecond

// world has members and a broker, with a clock of its own.
type world struct {
	t       *testing.T
	now     time.Time
	queues  []string
	members map[string]*process
	// lines are the consumers of each queue; the first one is active.
	lines map[string][]string
	moves map[string]int
	idle  map[string]time.Duration // The longest time that nobody consumed a queue.
	gap   map[string]time.Duration
	count int
	quiet bool // Nothing is delivered.
}

type process struct {
	view *share.View
	said time.Time
	deaf bool
}

func newWorld(t *testing.T, queues []string) *world {
	return &world{
		t: t, now: time.Unix(1e9, 0), queues: queues, members: map[string]*process{}, lines: map[string][]string{},
		moves: map[string]int{}, idle: map[string]time.Duration{}, gap: map[string]time.Duration{},
	}
}

func (w *world) join() string {
	w.count++
	id := fmt.Sprint("p", w.count, "-", rand.Uint64())
	w.members[id] = &process{view: share.NewView(times, id, w.queues, w.now)}
	w.act(id)
	w.say(id)
	return id
}

// kill ends a process as kill -9 does: the broker knows at once, the others do not.
func (w *world) kill(id string) {
	delete(w.members, id)
	for name, line := range w.lines {
		w.lines[name] = slices.DeleteFunc(line, func(m string) bool { return m == id })
	}
}

func (w *world) leave(id string) {
	w.tell(share.Announcement{ID: id, Bye: true})
	w.kill(id)
}

func (w *world) say(id string) {
	p := w.members[id]
	p.said = w.now
	if !p.deaf {
		w.tell(p.view.Say(w.now))
	}
}

func (w *world) tell(a share.Announcement) {
	for _, id := range slices.Sorted(maps.Keys(w.members)) {
		if p := w.members[id]; !p.deaf && p.view.Hear(a, w.now) {
			w.say(id)
		}
	}
}

// act does what a process plans.
func (w *world) act(id string) {
	view, changed := w.members[id].view, false
	for name, place := range view.Plan(w.now) {
		attached := slices.Contains(w.lines[name], id)
		if attached && place.Leave {
			w.lines[name] = slices.DeleteFunc(w.lines[name], func(m string) bool { return m == id })
			if view.Detached(name, true, w.now) {
				w.moves[name]++
			}
			attached, changed = false, true
		}
		if !attached && place.Role != share.None {
			w.lines[name] = append(w.lines[name], id)
			view.Attached(name, place.Role)
			changed = true
		}
	}
	if changed {
		w.say(id)
	}
}

func (w *world) run(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(step) {
		for _, name := range w.queues {
			w.gap[name] += step
			if line := w.lines[name]; len(line) > 0 {
				if !w.quiet {
					w.members[line[0]].view.Delivered(name, w.now)
				}
				w.gap[name] = 0
			}
			w.idle[name] = max(w.idle[name], w.gap[name])
		}
		for _, id := range slices.Sorted(maps.Keys(w.members)) {
			w.act(id)
			if w.now.Sub(w.members[id].said) >= time.Second {
				w.say(id)
			}
		}
	}
}

// requireShared checks that the queues are spread, each with its active owner and one in waiting.
func (w *world) requireShared() {
	w.t.Helper()
	places, members := map[string]share.Places{}, len(w.members)
	for _, name := range w.queues {
		require.Len(w.t, w.lines[name], min(2, members), "%s", name)
		places[name] = share.Places{Owner: w.lines[name][0]}
	}
	requireEven(w.t, places, members, w.queues)
}

func (w *world) longestIdle() time.Duration { return slices.Max(slices.Collect(maps.Values(w.idle))) }

func TestOneConsumesAllAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bots(10))
	id := w.join()
	for _, name := range w.queues {
		require.Equal(t, []string{id}, w.lines[name])
	}
}

func TestMembersShareTheQueues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bots(30))
	for range 4 {
		w.join()
		w.run(times.Settle + times.Rest + time.Second)
		w.requireShared()
	}
	require.Zero(t, w.longestIdle())
	for len(w.members) > 1 {
		id := slices.Sorted(maps.Keys(w.members))[0]
		w.kill(id)
		w.run(times.Timeout + times.Settle + times.Rest + time.Second)
		w.requireShared()
	}
	require.Zero(t, w.longestIdle(), "the backup is there at once")
}

func TestMembersThatBeginTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bots(30))
	for range 4 {
		w.join()
	}
	w.run(4 * time.Second)
	w.requireShared()
	require.Zero(t, w.longestIdle())
}

func TestAMemberThatSaysGoodbye(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bots(30))
	first := w.join()
	w.join()
	w.join()
	w.run(10 * time.Second)
	w.leave(first)
	w.run(4 * time.Second)
	w.requireShared()
	require.Zero(t, w.longestIdle())
}

// Owner and backup end at the same time: another member finds out, since other queues of theirs come to
// it.
func TestMostMembersAreKilledTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bots(30))
	for range 4 {
		w.join()
	}
	w.run(10 * time.Second)
	for _, id := range slices.Sorted(maps.Keys(w.members))[1:] {
		w.kill(id)
	}
	w.run(9 * time.Second)
	w.requireShared()
	// That one ended may show by the queues of another one only.
	require.LessOrEqual(t, w.longestIdle(), 3*step)
}

// Where there is nothing in the queues nobody finds out, until they were not heard of for too long.
func TestMostMembersAreKilledTogetherAtRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bots(30))
	w.quiet = true
	for range 4 {
		w.join()
	}
	w.run(10 * time.Second)
	for _, id := range slices.Sorted(maps.Keys(w.members))[1:] {
		w.kill(id)
	}
	w.run(9 * time.Second)
	w.requireShared()
	require.LessOrEqual(t, w.longestIdle(), times.Timeout)
}

// Where announcements are lost, everybody consumes everything, as if there were none.
func TestNobodyHearsOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bots(20))
	for range 3 {
		w.join()
	}
	w.run(10 * time.Second)
	for _, p := range w.members {
		p.deaf = true
	}
	w.run(9 * time.Second)
	for _, name := range w.queues {
		require.Len(t, w.lines[name], 3)
	}
	for _, p := range w.members {
		p.deaf = false
	}
	w.run(time.Minute)
	w.requireShared()
	require.Zero(t, w.longestIdle())
}

// A member that comes and goes moves a queue twice in half a minute at most: there, and back with
// its end.
func TestAMemberThatFlaps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bots(10))
	w.join()
	w.run(time.Second)
	const flaps = 12
	for range flaps {
		id := w.join()
		w.run(5 * time.Second)
		w.kill(id)
		w.run(5 * time.Second)
	}
	for name, moves := range w.moves {
		require.LessOrEqual(t, moves, 1+flaps*10/30, name)
	}
	w.run(time.Minute)
	w.requireShared()
}

// Members that know of other members each: they disagree about owners, and no queue goes to and fro.
func TestViewsThatDiffer(t *testing.T) {
	t.Parallel()
	queues := bots(20)
	w := newWorld(t, queues)
	first, second := w.join(), w.join()
	third := share.Announcement{ID: "known to the second", Queues: queues, Attached: queues}
	for range 60 {
		w.members[second].view.Hear(third, w.now)
		w.run(time.Second)
	}
	for name, moves := range w.moves {
		require.LessOrEqual(t, moves, 4, name)
	}
	require.Zero(t, w.longestIdle())
	require.NotEqual(t, first, second)
}

// New bots are known to those first that were restarted.
func TestMembersWithOtherQueues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bots(10))
	w.join()
	w.join()
	w.run(5 * time.Second)
	w.queues = append(w.queues, "bot.new")
	id := w.join()
	w.run(5 * time.Second)
	require.Equal(t, []string{id}, w.lines["bot.new"])
	w.requireAllConsumed()
}

func (w *world) requireAllConsumed() {
	w.t.Helper()
	for _, name := range w.queues {
		require.NotEmpty(w.t, w.lines[name], name)
	}
}

// The owner is preferred by a broker that can, but not to a member that does not hand over yet.
func TestOwnerComesFirst(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	v := share.NewView(times, "a", []string{"bot.x", "bot.y"}, now)
	require.False(t, v.Plan(now)["bot.x"].First, "it is alone")
	other := share.Announcement{ID: "b", Queues: []string{"bot.x", "bot.y"}, Attached: []string{"bot.x", "bot.y"}}
	require.True(t, v.Hear(other, now))
	require.False(t, v.Hear(other, now), "it is known")
	require.Equal(t, now.Add(times.Settle), v.Next())
	now = now.Add(times.Settle)
	owned := ""
	for name, place := range v.Plan(now) {
		if place.Role == share.Owner {
			owned = name
			require.True(t, place.First)
		}
	}
	require.Equal(t, 2, v.Members())
	other.Resting = []string{owned}
	v.Hear(other, now)
	require.False(t, v.Plan(now)[owned].First)
	require.Equal(t, now.Add(times.Timeout), v.Next())
}
