// Package notifytest is the conformance suite of buses.
package notifytest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/internal/event"
)

// silence is how long the suite listens for what must not come.
const silence = 100 * time.Millisecond

// Harness says how to get the buses to test.
type Harness struct {
	// Open returns a bus that shares notices with the others of the same test, and closes
	// it with the test.
	Open func(t *testing.T) notify.Bus
	// Separate means that buses which are opened one after the other are different ones.
	Separate bool
}

// Run runs the suite. Open makes what the buses of one test share.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for name, test := range map[string]func(*testing.T, Harness){
		"everybody hears in order":               testOrder,
		"what notices say arrives":               testContents,
		"nothing is heard after unsubscribing":   testUnsubscribe,
		"a slow subscriber is told, others hear": testSlow,
		"a large batch arrives whole":            testLarge,
		"nothing is published for nothing":       testNothing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// Notices makes n notices with cursors that count from first.
func Notices(first, n int) []notify.Notice {
	notices := make([]notify.Notice, n)
	for i := range notices {
		notices[i] = notify.Notice{
			EventID: fmt.Sprintf("event-%d", first+i), Bot: "demo", Subject: "user:alice", Status: event.StatusDelivered,
			Cursor: fmt.Sprint(first + i),
		}
	}
	return notices
}

// buses opens two, which are one where the engine is within a process.
func (h Harness) buses(t *testing.T) []notify.Bus {
	t.Helper()
	if !h.Separate {
		bus := h.Open(t)
		return []notify.Bus{bus, bus}
	}
	return []notify.Bus{h.Open(t), h.Open(t)}
}

func testOrder(t *testing.T, h Harness) {
	buses := h.buses(t)
	var heard []*Recorder
	for _, bus := range buses {
		heard = append(heard, Subscribe(t, bus), Subscribe(t, bus))
	}
	const rounds, each = 50, 7
	for i := range rounds {
		buses[0].Publish(t.Context(), Notices(i*each, each))
	}
	for _, r := range heard {
		require.Equal(t, cursors(Notices(0, rounds*each)), cursors(r.Await(t, rounds*each)))
		require.Zero(t, r.Losses())
	}
	<-time.After(silence)
	for _, r := range heard {
		require.Len(t, r.Heard(), rounds*each, "nothing is told twice")
	}
}

func testContents(t *testing.T, h Harness) {
	buses := h.buses(t)
	r := Subscribe(t, buses[1])
	at := time.Date(2026, 11, 9, 8, 7, 6, 5000, time.UTC)
	sent := notify.Notice{
		EventID: "0198", Bot: "demo", Type: "chat.command", Subject: "user:\"älice\"\u2028", Status: event.StatusFailed,
		Time: at, At: at.Add(time.Second), RecordedAt: at.Add(time.Minute), Cursor: "c",
	}
	buses[0].Publish(t.Context(), []notify.Notice{sent})
	require.Equal(t, sent, r.Await(t, 1)[0])
}

func testUnsubscribe(t *testing.T, h Harness) {
	buses := h.buses(t)
	var gone Recorder
	unsubscribe := buses[1].Subscribe(&gone)
	stays := Subscribe(t, buses[1])
	buses[0].Publish(t.Context(), Notices(0, 1))
	gone.Await(t, 1)
	stays.Await(t, 1)
	unsubscribe()
	unsubscribe()
	buses[0].Publish(t.Context(), Notices(1, 1))
	stays.Await(t, 2)
	require.Len(t, gone.Heard(), 1)
}

func testSlow(t *testing.T, h Harness) {
	buses := h.buses(t)
	slow := &Recorder{hold: make(chan struct{})}
	t.Cleanup(buses[1].Subscribe(slow))
	quick := Subscribe(t, buses[1])
	const rounds, each = 10, 1000
	for i := range rounds {
		buses[0].Publish(t.Context(), Notices(i*each, each))
		quick.Await(t, (i+1)*each)
	}
	close(slow.hold)
	require.Eventually(t, func() bool { return slow.Losses() == 1 }, patience, tick)
	buses[0].Publish(t.Context(), Notices(rounds*each, 1))
	require.Eventually(t, func() bool {
		heard := slow.Heard()
		return heard[len(heard)-1].Cursor == fmt.Sprint(rounds*each)
	}, patience, tick, "it hears again after that")
	require.Less(t, len(slow.Heard()), rounds*each)
	require.Zero(t, quick.Losses())
}

func testLarge(t *testing.T, h Harness) {
	buses := h.buses(t)
	r := Subscribe(t, buses[1])
	notices := Notices(0, 2000)
	for i := range notices {
		notices[i].Subject = strings.Repeat("x", 200)
	}
	buses[0].Publish(t.Context(), notices)
	require.Equal(t, cursors(notices), cursors(r.Await(t, len(notices))))
	require.Zero(t, r.Losses())
}

func testNothing(t *testing.T, h Harness) {
	buses := h.buses(t)
	r := Subscribe(t, buses[1])
	buses[0].Publish(t.Context(), nil)
	buses[0].Publish(t.Context(), Notices(0, 1))
	r.Await(t, 1)
	require.Equal(t, 1, r.Calls())
}

func cursors(notices []notify.Notice) []string {
	all := make([]string, len(notices))
	for i, n := range notices {
		all[i] = n.Cursor
	}
	return all
}
