package api

import (
	"slices"
	"sync"

	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/retry"
)

// maxPending is how many notices may be pending for a stream's client: ten batches of record.
const maxPending = 8192

// feed buffers the notices that a stream has yet to send.
type feed struct {
	filter streamFilter
	// ready is signalled when there is something to take.
	ready retry.Wake

	mu       sync.Mutex
	pending  []notify.Notice
	overflow bool
	lost     bool
}

// streamFilter is what a stream is about. Empty fields do not filter.
type streamFilter struct {
	// LogQuery has what the log is asked for.
	store.LogQuery
	// statuses are what may have happened, and id is the only event that it happened to.
	statuses []event.Status
	id       string
}

func (f *streamFilter) matches(n *notify.Notice) bool {
	same := func(want, got string) bool { return want == "" || want == got }
	return same(f.Bot, n.Bot) && same(f.Subject, n.Subject) && same(f.Type, n.Type) && same(f.id, n.EventID) &&
		(len(f.statuses) == 0 || slices.Contains(f.statuses, n.Status))
}

func newFeed(filter streamFilter) *feed {
	return &feed{filter: filter, ready: retry.NewWake()}
}

// put adds those of the notices that match.
func (f *feed) put(notices []notify.Notice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.pending)
	for i := range notices {
		if f.filter.matches(&notices[i]) {
			f.pending = append(f.pending, notices[i])
		}
	}
	if len(f.pending) > maxPending {
		f.pending, f.overflow = nil, true
	}
	if len(f.pending) > before || f.overflow {
		f.ready.Signal()
	}
}

// lose has the stream read the log, because notices were lost.
func (f *feed) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = true
	f.ready.Signal()
}

// take empties the feed. It reports whether there was more than it holds, and whether notices were lost.
func (f *feed) take() (notices []notify.Notice, overflow, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	notices, overflow, lost = f.pending, f.overflow, f.lost
	f.pending, f.overflow, f.lost = nil, false, false
	return notices, overflow, lost
}
