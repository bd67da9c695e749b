package integration

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chaosResult is what became of the accepted events: how many are stored, and stored more than once; are not stored, or
// did not reach their bot; reached it again; and reached it before their predecessor.
type chaosResult struct{ stored, twice, lost, again, early int }

// settle waits until the bots have and the database holds every accepted event, but not longer
// than that, and returns what there is then.
func (l *chaosLoad) settle(t *testing.T, atMost time.Duration) chaosResult {
	t.Helper()
	deadline := time.Now().Add(atMost)
	for {
		missing := 0
		for name, b := range l.bots {
			missing += len(b.missing(l.acceptedFor(name)))
		}
		late := time.Now().After(deadline)
		if missing == 0 || late {
			if r := l.result(t); r.lost == 0 || late {
				return r
			}
		}
		<-time.After(500 * time.Millisecond)
	}
}

// TestChaosResultCountsFaults has each fault that the chaos and upgrade tests are about, and none.
func TestChaosResultCountsFaults(t *testing.T) {
	t.Parallel()
	accepted := map[string]string{"a": "demo", "b": "demo", "c": "other"}
	got := func(n int, id string) delivered {
		return delivered{id: id, subject: "alice", body: fmt.Appendf(nil, `{"command":"/count","args":{"n":%d}}`, n)}
	}
	first, second, elsewhere := got(0, "a"), got(1, "b"), got(0, "c")
	other := []delivered{elsewhere}
	for name, tc := range map[string]struct {
		stored      []string
		demo, other []delivered
		want        chaosResult
	}{
		"sound":                    {[]string{"a", "b", "c"}, []delivered{first, second}, other, chaosResult{stored: 3}},
		"not stored":               {[]string{"a", "c"}, []delivered{first, second}, other, chaosResult{stored: 2, lost: 1}},
		"not delivered":            {[]string{"a", "b", "c"}, []delivered{first}, other, chaosResult{stored: 3, lost: 1}},
		"delivered to another bot": {[]string{"a", "b", "c"}, []delivered{first, second, elsewhere}, nil, chaosResult{stored: 3, lost: 1}},
		"stored twice":             {[]string{"a", "b", "c", "b"}, []delivered{first, second}, other, chaosResult{stored: 3, twice: 1}},
		"delivered twice":          {[]string{"a", "b", "c"}, []delivered{first, first, second}, other, chaosResult{stored: 3, again: 1}},
		"out of order":             {[]string{"a", "b", "c"}, []delivered{second, first}, other, chaosResult{stored: 3, early: 1}},
		"no command":               {[]string{"a", "b", "c"}, []delivered{first, {id: "b"}}, other, chaosResult{stored: 3, early: 1}},
	} {
		require.Equal(t, tc.want, resultOf(accepted, tc.stored, map[string][]delivered{"demo": tc.demo, "other": tc.other}), name)
	}
}

// missing lists which of the ids the bot did not get.
func (b *bot) missing(ids []string) (missing []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		if !b.ids[id] {
			missing = append(missing, id)
		}
	}
	return missing
}

func (l *chaosLoad) result(t *testing.T) chaosResult {
	t.Helper()
	var stored []string
	for _, record := range l.s.recorded() {
		stored = append(stored, record.Event.ID)
	}
	received := map[string][]delivered{}
	for name, b := range l.bots {
		received[name] = b.all()
	}
	r := resultOf(l.accepted, stored, received)
	require.Zero(t, r.twice, "events that are stored more than once")
	return r
}

// resultOf compares the accepted events, each with its bot, with the ids in the database and with what the bots got.
func resultOf(accepted map[string]string, stored []string, received map[string][]delivered) (r chaosResult) {
	times, came := map[string]int{}, map[[2]string]bool{}
	for _, id := range stored {
		times[id]++
	}
	for _, n := range times {
		r.stored++
		r.twice += n - 1
	}
	for bot, all := range received {
		for _, d := range all {
			if came[[2]string{bot, d.id}] {
				r.again++
			}
			came[[2]string{bot, d.id}] = true
		}
		r.early += len(earlyOf(all))
	}
	for id, bot := range accepted {
		if times[id] == 0 || !came[[2]string{bot, id}] {
			r.lost++
		}
	}
	return r
}

// earlyOf are the commands that came before their user's command before them.
func earlyOf(all []delivered) (early []string) {
	next := map[string]int{}
	for _, d := range all {
		var c chaosCommand
		if err := json.Unmarshal(d.body, &c); err != nil || c.Args.N > next[d.subject] {
			early = append(early, fmt.Sprintf("%s of %s", d.body, d.subject))
		}
		next[d.subject] = max(next[d.subject], c.Args.N+1)
	}
	return early
}

// deliveredAgain counts the deliveries of what a bot had handled before.
func (l *chaosLoad) deliveredAgain() (n int) {
	for _, b := range l.bots {
		n += b.again()
	}
	return n
}

// again counts what the bot got after it had accepted it.
func (b *bot) again() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.received) - len(b.ids)
}

// requireOrder finds that the bots saw each user's commands after their predecessors.
func (l *chaosLoad) requireOrder(t *testing.T) {
	t.Helper()
	for _, b := range l.bots {
		b.requireOrder(t)
	}
}

func (b *bot) requireOrder(t *testing.T) {
	t.Helper()
	require.Empty(t, earlyOf(b.all()), "commands that came before their predecessor")
}

// awaitAll waits until the bot has the events.
func (b *bot) awaitAll(t *testing.T, ids []string) {
	t.Helper()
	eventually(t, func() error {
		if missing := b.missing(ids); len(missing) > 0 {
			return fmt.Errorf("%d of %d events are not delivered, %s is one", len(missing), len(ids), missing[0])
		}
		return nil
	})
}
