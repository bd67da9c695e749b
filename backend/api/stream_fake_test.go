package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/event"
)

// fakeLog is a log, and the bus that tells of it.
type fakeLog struct {
	fakeReader
	bus *notify.Local

	mu      sync.Mutex
	entries []store.Entry
	err     error
	fresh   bool
	reads   int
	// reading is called once what is read was fixed.
	reading func()
}

func newLog(t *testing.T) *fakeLog {
	t.Helper()
	bus, err := notify.NewLocal(nil)
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	return &fakeLog{bus: bus, fresh: true}
}

func (f *fakeLog) api(t *testing.T, cfg Config) *API {
	t.Helper()
	cfg.Reader, cfg.Notices = f, f.bus
	a, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

// entry makes an entry of the user at the bot "demo".
func entry(id, user string, recorded time.Time) store.Entry {
	e := &event.Event{ID: id, Bot: "demo", Type: "command", Subject: user, Time: recorded}
	return store.Entry{
		Event: e, EventTime: store.Micros(recorded), EventType: e.Type, RecordedAt: store.Micros(recorded),
		State: store.State{Status: event.StatusAccepted, UpdatedAt: store.Micros(recorded)},
	}
}

// commit adds entries to the log, without a notice.
func (f *fakeLog) commit(entries ...store.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries = append(f.entries, entries...)
	slices.SortFunc(f.entries, func(a, b store.Entry) int {
		return compare(a.Position(), b.Position())
	})
}

func compare(a, b store.LogPosition) int {
	if c := a.RecordedAt.Compare(b.RecordedAt); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// tell tells of entries.
func (f *fakeLog) tell(entries ...store.Entry) {
	notices := make([]notify.Notice, len(entries))
	for i, e := range entries {
		notices[i] = notify.Of(e)
	}
	f.bus.Publish(context.Background(), notices)
}

// fail has the log answer with an error from now on, or again.
func (f *fakeLog) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakeLog) record(entries ...store.Entry) {
	f.commit(entries...)
	f.tell(entries...)
}

func (f *fakeLog) Log(ctx context.Context, q store.LogQuery) (page []store.Entry, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	f.fresh = f.fresh && store.IsFresh(ctx)
	if f.reading != nil {
		defer f.reading()
	}
	same := func(want, got string) bool { return want == "" || want == got }
	for _, e := range f.entries {
		if compare(e.Position(), q.After) > 0 && same(q.Bot, e.Bot) && same(q.Subject, e.Subject) && same(q.Type, e.EventType) && len(page) < q.Limit {
			page = append(page, e)
		}
	}
	return page, f.err
}

// follower is a client of a stream.
type follower struct {
	cancel context.CancelFunc
	ended  chan struct{}
	code   int
	header http.Header

	mu     sync.Mutex
	lastID string
	ids    []string // Of the events, as the data names them.
	lines  []string
}

// responseWriter hands to a follower what a handler writes.
type responseWriter struct {
	*io.PipeWriter
	follower *follower
}

func (w responseWriter) Header() http.Header  { return w.follower.header }
func (w responseWriter) WriteHeader(code int) { w.follower.code = code }
func (w responseWriter) Flush()               {}

// follow opens a stream of events, behind an id if there is one.
func follow(ctx context.Context, h http.Handler, query, lastID string, bots ...string) *follower {
	return followAt(ctx, h, "/v1/events/stream"+query, lastID, bots...)
}

func followAt(ctx context.Context, h http.Handler, target, lastID string, bots ...string) *follower {
	ctx, cancel := context.WithCancel(ctx)
	f := &follower{cancel: cancel, ended: make(chan struct{}), header: http.Header{}, lastID: lastID}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	r.Header[botclaim.Header] = bots
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	out, in := io.Pipe()
	go func() {
		h.ServeHTTP(responseWriter{in, f}, r)
		_ = in.Close()
	}()
	go func() {
		defer close(f.ended)
		f.read(out)
	}()
	return f
}

// read does what the specification of server-sent events says about fields and ids.
func (f *follower) read(body io.Reader) {
	var id, data string
	for lines := bufio.NewScanner(body); lines.Scan(); {
		f.mu.Lock()
		line := lines.Text()
		f.lines = append(f.lines, line)
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case name == "id":
			id = value
		case name == "data":
			data = value
		case line == "":
			if f.lastID = id; data != "" {
				var view struct{ ID string }
				if err := json.Unmarshal([]byte(data), &view); err != nil {
					panic(fmt.Sprintf("%s: %v", data, err))
				}
				f.ids = append(f.ids, view.ID)
			}
			data = ""
		}
		f.mu.Unlock()
	}
}

func (f *follower) got() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.ids)
}

func (f *follower) written() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.lines)
}

// leave disconnects the client, and returns the last id that it got.
func (f *follower) leave() string {
	f.cancel()
	<-f.ended
	return f.lastID
}
