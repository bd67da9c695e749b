package notify_test

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

// harness says how to get the buses to test.
type harness struct {
	// Open returns a bus that shares notices with the others of the same test, and closes
	// it with the test.
	Open func(t *testing.T) notify.Bus
	// Separate means that buses which are opened one after the other are different ones.
	Separate bool
}

// runSuite runs the suite. Open makes what the buses of one test share.
func runSuite(t *testing.T, open func(t *testing.T) harness) {
	for name, test := range map[string]func(*testing.T, harness){
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

// makeNotices makes n notices with cursors that count from first.
func makeNotices(first, n int) []notify.Notice {
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
func (h harness) buses(t *testing.T) []notify.Bus {
	t.Helper()
	if !h.Separate {
		bus := h.Open(t)
		return []notify.Bus{bus, bus}
	}
	return []notify.Bus{h.Open(t), h.Open(t)}
}

func testOrder(t *testing.T, h harness) {
	buses := h.buses(t)
	var heard []*recorder
	for _, bus := range buses {
		heard = append(heard, subscribe(t, bus), subscribe(t, bus))
	}
	const rounds, each = 50, 7
	for i := range rounds {
		buses[0].Publish(t.Context(), makeNotices(i*each, each))
	}
	for _, r := range heard {
		require.Equal(t, cursors(makeNotices(0, rounds*each)), cursors(r.await(t, rounds*each)))
		require.Zero(t, r.losses())
	}
	<-time.After(silence)
	for _, r := range heard {
		require.Len(t, r.heardSoFar(), rounds*each, "nothing is told twice")
	}
}

func testContents(t *testing.T, h harness) {
	buses := h.buses(t)
	r := subscribe(t, buses[1])
	at := time.Date(2026, 11, 9, 8, 7, 6, 5000, time.UTC)
	sent := notify.Notice{
		EventID: "0198", Bot: "demo", Type: "chat.command", Subject: "user:\"älice\"\u2028", Status: event.StatusFailed,
		Time: at, At: at.Add(time.Second), RecordedAt: at.Add(time.Minute), Cursor: "c",
	}
	buses[0].Publish(t.Context(), []notify.Notice{sent})
	require.Equal(t, sent, r.await(t, 1)[0])
}

func testUnsubscribe(t *testing.T, h harness) {
	buses := h.buses(t)
	var gone recorder
	unsubscribe := buses[1].Subscribe(&gone)
	stays := subscribe(t, buses[1])
	buses[0].Publish(t.Context(), makeNotices(0, 1))
	gone.await(t, 1)
	stays.await(t, 1)
	unsubscribe()
	unsubscribe()
	buses[0].Publish(t.Context(), makeNotices(1, 1))
	stays.await(t, 2)
	require.Len(t, gone.heardSoFar(), 1)
}

func testSlow(t *testing.T, h harness) {
	buses := h.buses(t)
	slow := &recorder{hold: make(chan struct{})}
	t.Cleanup(buses[1].Subscribe(slow))
	quick := subscribe(t, buses[1])
	const rounds, each = 10, 1000
	for i := range rounds {
		buses[0].Publish(t.Context(), makeNotices(i*each, each))
		quick.await(t, (i+1)*each)
	}
	close(slow.hold)
	require.Eventually(t, func() bool { return slow.losses() == 1 }, patience, tick)
	buses[0].Publish(t.Context(), makeNotices(rounds*each, 1))
	require.Eventually(t, func() bool {
		heard := slow.heardSoFar()
		return heard[len(heard)-1].Cursor == fmt.Sprint(rounds*each)
	}, patience, tick, "it hears again after that")
	require.Less(t, len(slow.heardSoFar()), rounds*each)
	require.Zero(t, quick.losses())
}

func testLarge(t *testing.T, h harness) {
	buses := h.buses(t)
	r := subscribe(t, buses[1])
	notices := makeNotices(0, 2000)
	for i := range notices {
		notices[i].Subject = strings.Repeat("x", 200)
	}
	buses[0].Publish(t.Context(), notices)
	require.Equal(t, cursors(notices), cursors(r.await(t, len(notices))))
	require.Zero(t, r.losses())
}

func testNothing(t *testing.T, h harness) {
	buses := h.buses(t)
	r := subscribe(t, buses[1])
	buses[0].Publish(t.Context(), nil)
	buses[0].Publish(t.Context(), makeNotices(0, 1))
	r.await(t, 1)
	require.Equal(t, 1, r.callCount())
}

func cursors(notices []notify.Notice) []string {
	all := make([]string, len(notices))
	for i, n := range notices {
		all[i] = n.Cursor
	}
	return all
}
