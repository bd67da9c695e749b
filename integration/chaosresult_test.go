package integration

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chaosResult is what became of the accepted events.
type chaosResult struct{ stored, lost, again int }

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

func (l *chaosLoad) result(t *testing.T) (r chaosResult) {
	t.Helper()
	times := map[string]int{}
	for _, record := range l.s.recorded() {
		times[record.Event.ID]++
	}
	for id, n := range times {
		require.Equal(t, 1, n, "event %s is stored once", id)
		r.stored++
	}
	for id, bot := range l.accepted {
		if times[id] == 0 || len(l.bots[bot].missing([]string{id})) > 0 {
			r.lost++
		}
	}
	r.again = l.deliveredAgain()
	return r
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
	next := map[string]int{}
	for _, d := range b.all() {
		var c chaosCommand
		require.NoError(t, json.Unmarshal(d.body, &c))
		require.LessOrEqual(t, c.Args.N, next[d.subject], "command %d of %s came before its predecessor", c.Args.N, d.subject)
		next[d.subject] = max(next[d.subject], c.Args.N+1)
	}
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
