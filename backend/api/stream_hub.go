package api

import (
	"sync"

	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/internal/retry"
)

// Notices is what the API asks of the bus.
type Notices interface {
	// Subscribe passes what is recorded from now on to s.
	Subscribe(s notify.Subscriber) (unsubscribe func())
}

// hub passes notices on to all requests that are held open. It subscribes with the first of them.
type hub struct {
	notices Notices

	subscribing sync.Mutex
	unsubscribe func()

	mu    sync.Mutex
	waits map[string]map[*wait]struct{} // By the event's id.
	count int
	feeds map[*feed]struct{}
}

// wait is a request that waits for an event to be final.
type wait struct {
	id string
	// woken is signalled when the event may have become final.
	woken retry.Wake
}

func newHub(notices Notices) *hub {
	return &hub{notices: notices, waits: map[string]map[*wait]struct{}{}, feeds: map[*feed]struct{}{}}
}

// listen subscribes, once.
func (h *hub) listen() {
	h.subscribing.Lock()
	defer h.subscribing.Unlock()
	if h.unsubscribe == nil && h.notices != nil {
		h.unsubscribe = h.notices.Subscribe(h)
	}
}

// close ends the subscription for good.
func (h *hub) close() {
	h.subscribing.Lock()
	defer h.subscribing.Unlock()
	if h.unsubscribe != nil {
		h.unsubscribe()
	}
	h.notices, h.unsubscribe = nil, nil
}

// wait has a request woken for an event from now on, unless limit others wait already. The caller must leave.
func (h *hub) wait(id string, limit int) (w *wait, ok bool) {
	h.listen()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count >= limit {
		return nil, false
	}
	w = &wait{id: id, woken: retry.NewWake()}
	if h.waits[id] == nil {
		h.waits[id] = map[*wait]struct{}{}
	}
	h.waits[id][w] = struct{}{}
	h.count++
	return w, true
}

func (h *hub) leave(w *wait) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.waits[w.id], w)
	if len(h.waits[w.id]) == 0 {
		delete(h.waits, w.id)
	}
	h.count--
}

// follow has a feed get notices from now on. The caller must drop it.
func (h *hub) follow(f *feed) {
	h.listen()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.feeds[f] = struct{}{}
}

func (h *hub) drop(f *feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.feeds, f)
}

// Notices implements [notify.Subscriber].
func (h *hub) Notices(notices []notify.Notice) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f := range h.feeds {
		f.put(notices)
	}
	for i := range notices {
		if n := &notices[i]; n.Status.Final() {
			wake(h.waits[n.EventID])
		}
	}
}

// Lost implements [notify.Subscriber].
func (h *hub) Lost() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, waits := range h.waits {
		wake(waits)
	}
	for f := range h.feeds {
		f.lose()
	}
}

func wake(waits map[*wait]struct{}) {
	for w := range waits {
		w.woken.Signal()
	}
}
