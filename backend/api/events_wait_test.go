package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/event"
)

// way is an event on its way, as a store and a bus show it.
type way struct {
	fakeReader
	bus *notify.Local

	mu     sync.Mutex
	record *store.Record
	err    error
	reads  int
	fresh  bool
	// reading is called after what is read was fixed.
	reading func()
}

func newWay(t *testing.T) *way {
	t.Helper()
	bus, err := notify.NewLocal(nil)
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	return &way{bus: bus, err: store.ErrNotFound, fresh: true}
}

func (f *way) Get(ctx context.Context, _ string) (*store.Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	f.fresh = f.fresh && store.IsFresh(ctx)
	if f.reading != nil {
		defer f.reading()
	}
	return f.record, f.err
}

// become records that the event has a status, and tells when tell is set.
func (f *way) become(status event.Status, tell bool) {
	f.mu.Lock()
	r := record("", nil)
	r.Status = status
	f.record, f.err = r, nil
	f.mu.Unlock()
	if tell {
		f.bus.Publish(context.Background(), []notify.Notice{{EventID: "other", Status: event.StatusDead}, {EventID: "id-1", Status: status}})
	}
}

func (f *way) api(t *testing.T, cfg Config) *API {
	t.Helper()
	cfg.Reader, cfg.Notices = f, f.bus
	a, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

// waiting asks in the background; the answer comes through the channel.
func waiting(ctx context.Context, h http.Handler, target string, bots ...string) <-chan *httptest.ResponseRecorder {
	answers := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
		r.Header[botclaim.Header] = bots
		h.ServeHTTP(w, r)
		answers <- w
	}()
	return answers
}

const statusOnly = "/v1/events/id-1?fields=status&wait=20s"

func TestWaitEndsWhenTheEventIsFinal(t *testing.T) {
	t.Parallel()
	for _, status := range []event.Status{event.StatusDelivered, event.StatusDead, event.StatusExpired} {
		synctest.Test(t, func(t *testing.T) {
			f, started := newWay(t), time.Now()
			a := f.api(t, Config{})
			answer := waiting(t.Context(), a, statusOnly)
			for _, before := range []event.Status{event.StatusAccepted, event.StatusFailed} {
				time.Sleep(time.Second) //nolint:forbidigo // In a bubble, where time is fake.
				f.become(before, true)
				synctest.Wait()
				require.Equal(t, 1, f.reads, "what is not final causes no query")
			}
			f.become(status, true)
			w := <-answer
			require.JSONEq(t, `{"status":"`+string(status)+`"}`, w.Body.String())
			require.Equal(t, 2*time.Second, time.Since(started))
			require.Equal(t, 2, f.reads)
			require.True(t, f.fresh, "a replica may not know it yet")

			w = <-waiting(t.Context(), a, statusOnly)
			require.Equal(t, 200, w.Code, "it is final already")
			require.Equal(t, 2*time.Second, time.Since(started))
			require.Empty(t, a.hub.waits)
			require.Zero(t, a.hub.count)
		})
	}
}

// TestNothingIsMissedBetweenListeningAndReading has the event become final right after it
// was read.
func TestNothingIsMissedBetweenListeningAndReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, started := newWay(t), time.Now()
		var once sync.Once
		f.reading = func() {
			once.Do(func() { go f.become(event.StatusDelivered, true) })
		}
		w := <-waiting(t.Context(), f.api(t, Config{}), statusOnly)
		require.JSONEq(t, `{"status":"delivered"}`, w.Body.String())
		require.Zero(t, time.Since(started))
	})
}

// TestWaitLooksByItself: a process can end between its commit and its notice.
func TestWaitLooksByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newWay(t)
		h := f.api(t, Config{})
		time.AfterFunc(time.Second, func() { f.become(event.StatusDelivered, false) })
		start := time.Now()
		w := ask(t, h, http.MethodGet, "/v1/events/id-1?wait=20s")
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, waitPoll, time.Since(start))
	})
}

func TestWaitEndsWithItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, started := newWay(t), time.Now()
		a := f.api(t, Config{})
		requireProblem(t, <-waiting(t.Context(), a, statusOnly), 404, "unknown-event")
		require.Equal(t, 20*time.Second, time.Since(started))

		f.become(event.StatusAccepted, false)
		answer := waiting(t.Context(), a, statusOnly)
		synctest.Wait()
		f.become(event.StatusFailed, false)
		require.JSONEq(t, `{"status":"failed"}`, (<-answer).Body.String(), "as it is at the end")
		require.Equal(t, 40*time.Second, time.Since(started))
		require.Equal(t, 4+2*int(20*time.Second/waitPoll), f.reads, "it looks by itself now and then, and does not ask again and again")
	})
}

func TestWaitReadsAgainAfterALoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, started := newWay(t), time.Now()
		answer := waiting(t.Context(), f.api(t, Config{}), statusOnly)
		synctest.Wait()
		f.become(event.StatusDelivered, false)
		f.bus.Lose()
		require.JSONEq(t, `{"status":"delivered"}`, (<-answer).Body.String())
		require.Zero(t, time.Since(started))
	})
}

func TestWaitEndsWithTheClientAndTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, started := newWay(t), time.Now()
		f.become(event.StatusAccepted, false)
		a := f.api(t, Config{})
		ctx, gone := context.WithCancel(t.Context())
		first, second := waiting(ctx, a, statusOnly), waiting(t.Context(), a, statusOnly)
		synctest.Wait()
		gone()
		<-first
		a.Close()
		require.JSONEq(t, `{"status":"accepted"}`, (<-second).Body.String())
		require.JSONEq(t, `{"status":"accepted"}`, (<-waiting(t.Context(), a, statusOnly)).Body.String())
		require.Zero(t, time.Since(started))
		require.Zero(t, a.hub.count)
	})
}

func TestWaitsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newWay(t)
		a := f.api(t, Config{MaxWaits: 2})
		first, second := waiting(t.Context(), a, statusOnly), waiting(t.Context(), a, statusOnly)
		synctest.Wait()
		w := <-waiting(t.Context(), a, statusOnly)
		requireProblem(t, w, 503, "busy")
		require.Equal(t, "2", w.Header().Get("Retry-After"))
		f.become(event.StatusDead, true)
		require.Equal(t, 200, (<-first).Code)
		require.Equal(t, 200, (<-second).Code)
		require.Equal(t, 200, (<-waiting(t.Context(), a, statusOnly)).Code)
	})
}

// TestWaitTellsNothingOfOtherBots finds no difference between an event of another bot and
// none at all.
func TestWaitTellsNothingOfOtherBots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, started := newWay(t), time.Now()
		f.become(event.StatusDelivered, false)
		a := f.api(t, Config{})
		answer := waiting(t.Context(), a, statusOnly, "other")
		synctest.Wait()
		f.become(event.StatusDelivered, true)
		requireProblem(t, <-answer, 404, "unknown-event")
		require.Equal(t, 20*time.Second, time.Since(started))
		require.Equal(t, 200, (<-waiting(t.Context(), a, statusOnly, "demo")).Code)
	})
}

func TestWaitRefusals(t *testing.T) {
	t.Parallel()
	f := newWay(t)
	a := f.api(t, Config{})
	for _, query := range []string{
		"wait=0s", "wait=-1s", "wait=31s", "wait=10", "wait=soon", "wait=1s&wait=2s", "wait=1s&at=2026-03-04T05:06:07Z", "wait=1s&users=1",
	} {
		requireProblem(t, ask(t, a, "GET", "/v1/events/id-1?"+query), 400, "malformed")
	}
	requireProblem(t, ask(t, a, "DELETE", "/v1/events/id-1?wait=1s"), 405, "method-not-allowed")
	f.err = store.ErrUnavailable
	requireProblem(t, ask(t, a, "GET", "/v1/events/id-1?wait=1s"), 503, "unavailable")
}

// TestWaitOutlastsTheTimeoutsOfTheServer waits longer than both.
func TestWaitOutlastsTheTimeoutsOfTheServer(t *testing.T) {
	t.Parallel()
	f := newWay(t)
	f.become(event.StatusAccepted, false)
	server := httptest.NewUnstartedServer(f.api(t, Config{}))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 500*time.Millisecond, 500*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	response, err := server.Client().Get(server.URL + "/v1/events/id-1?wait=1s")
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
}
