package notify_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/notify"
)

// recorder is a subscriber that keeps what it hears. Its zero value is ready.
type recorder struct {
	// hold keeps the first call until it is closed; nil for no holding.
	hold chan struct{}

	mu          sync.Mutex
	heard       []notify.Notice
	calls, lost int
}

// subscribe subscribes a new recorder until the end of the test.
func subscribe(t testing.TB, bus notify.Bus) *recorder {
	t.Helper()
	r := new(recorder)
	t.Cleanup(bus.Subscribe(r))
	return r
}

// Notices implements [notify.Subscriber].
func (r *recorder) Notices(notices []notify.Notice) {
	if r.hold != nil {
		<-r.hold
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	r.heard = append(r.heard, notices...)
}

// Lost implements [notify.Subscriber].
func (r *recorder) Lost() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost++
}

// heardSoFar returns what was heard so far.
func (r *recorder) heardSoFar() []notify.Notice {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.heard)
}

// callCount is how often notices came.
func (r *recorder) callCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// losses is how often a loss was told.
func (r *recorder) losses() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

// await waits until n notices were heard and returns all of them.
func (r *recorder) await(t testing.TB, n int) []notify.Notice {
	t.Helper()
	require.Eventually(t, func() bool { return r.count() >= n }, patience, tick)
	return r.heardSoFar()
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.heard)
}
