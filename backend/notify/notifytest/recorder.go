package notifytest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/notify"
)

const (
	// patience is how long the suite waits for what must come.
	patience = time.Minute
	// tick is the pause between two looks.
	tick = 2 * time.Millisecond
)

// Recorder is a subscriber that keeps what it hears. Its zero value is ready.
type Recorder struct {
	// hold keeps the first call until it is closed; nil for no holding.
	hold chan struct{}

	mu          sync.Mutex
	heard       []notify.Notice
	calls, lost int
}

// Subscribe subscribes a new recorder until the end of the test.
func Subscribe(t testing.TB, bus notify.Bus) *Recorder {
	t.Helper()
	r := new(Recorder)
	t.Cleanup(bus.Subscribe(r))
	return r
}

// Notices implements [notify.Subscriber].
func (r *Recorder) Notices(notices []notify.Notice) {
	if r.hold != nil {
		<-r.hold
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	r.heard = append(r.heard, notices...)
}

// Lost implements [notify.Subscriber].
func (r *Recorder) Lost() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost++
}

// Heard returns what was heard so far.
func (r *Recorder) Heard() []notify.Notice {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.heard)
}

// Calls is how often notices came.
func (r *Recorder) Calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// Losses is how often a loss was told.
func (r *Recorder) Losses() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

// Await waits until n notices were heard and returns all of them.
func (r *Recorder) Await(t testing.TB, n int) []notify.Notice {
	t.Helper()
	require.Eventually(t, func() bool { return r.count() >= n }, patience, tick)
	return r.Heard()
}

func (r *Recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.heard)
}
