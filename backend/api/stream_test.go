package api

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// pass lets time go by in a bubble, where it is fake.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // It is fake.
	synctest.Wait()
}

func TestStreamShowsWhatIsRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newLog(t)
		old := entry("old", "alice", time.Now().Add(-time.Second))
		log.commit(old)
		f := follow(t.Context(), log.api(t, Config{}), "", "")
		pass(0)
		now := store.LogPosition{RecordedAt: time.Now()}
		require.Equal(t, []string{"retry: 2000", "id: " + now.Cursor(), ""}, f.written())
		require.Equal(t, "text/event-stream", f.header.Get("Content-Type"))
		require.Equal(t, "no", f.header.Get("X-Accel-Buffering"))
		require.Equal(t, "no-store", f.header.Get("Cache-Control"))

		pass(time.Second)
		e := entry("a", "alice", time.Now())
		log.record(e)
		pass(0)
		require.Equal(t, []string{
			"id: " + e.Position().Cursor(), "event: accepted",
			`data: {"id":"a","bot":"demo","type":"command","subject":"alice","status":"accepted","time":"2000-01-01T00:00:01Z",` +
				`"at":"2000-01-01T00:00:01Z","recorded_at":"2000-01-01T00:00:01Z"}`, "",
		}, f.written()[3:])

		pass(streamBeat)
		beat := store.LogPosition{RecordedAt: now.RecordedAt.Add(streamBeat)}
		require.Equal(t, []string{": beat", "id: " + beat.Cursor(), ""}, f.written()[7:], "after a quiet time not much need be read again")
		require.Equal(t, []string{"a"}, f.got())
		require.Equal(t, beat.Cursor(), f.leave())
		require.True(t, log.fresh)
	})
}

func TestStreamIsFiltered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newLog(t)
		a := log.api(t, Config{})
		other := entry("other", "alice", time.Now())
		other.Bot = "other"
		typed := entry("typed", "bob", time.Now())
		typed.EventType = "github.push"
		failed := entry("failed", "carol", time.Now())
		failed.State = store.State{Status: event.StatusFailed, Attempts: 3, UpdatedAt: time.Now()}
		failed.Ref, failed.Took, failed.Data = "a", 9*time.Millisecond, []byte(`{"event_id":"a","status":"failed","attempt":3,"status_code":503,"error":"answered 503"}`)
		all := []store.Entry{failed, entry("a", "alice", time.Now()), entry("b", "bob", time.Now()), other, typed}
		want := map[*follower][]string{
			follow(t.Context(), a, "", ""):                                                                    {"a", "a", "b", "other", "typed"},
			follow(t.Context(), a, "?bot=demo", ""):                                                           {"a", "a", "b", "typed"},
			follow(t.Context(), a, "?status=failed,dead", ""):                                                 {"a"},
			follow(t.Context(), a, "?id=a", ""):                                                               {"a", "a"},
			follow(t.Context(), a, "?id=a&status=accepted&user=alice", ""):                                    {"a"},
			follow(t.Context(), a, "?user=bob&type=&bot=", ""):                                                {"b", "typed"},
			follow(t.Context(), a, "?type=github.push", ""):                                                   {"typed"},
			follow(t.Context(), a, "", "", "other"):                                                           {"other"},
			follow(t.Context(), a, "?user=alice", store.LogPosition{RecordedAt: time.Now()}.Cursor(), "demo"): {"a"},
		}
		pass(0)
		log.record(all...)
		pass(0)
		for f, ids := range want {
			require.ElementsMatch(t, ids, f.got())
		}
		failures := follow(t.Context(), a, "?status=failed", store.LogPosition{RecordedAt: time.Now()}.Cursor())
		want[failures] = []string{"a"}
		pass(2 * streamBeat)
		require.Contains(t, strings.Join(failures.written(), "\n"), `"status":"failed","attempt":3,"duration_ms":9,"status_code":503,"error":"answered 503",`)
		for f, ids := range want {
			require.ElementsMatch(t, ids, f.got(), "the log has nothing else")
		}
		a.Close()
		for f := range want {
			<-f.ended
		}
	})
}

func TestStreamGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newLog(t)
		a := log.api(t, Config{})
		start := time.Now()
		var want []string
		for i := range 2*store.MaxLogLimit + 7 {
			e := entry(fmt.Sprintf("%05d", i), "alice", start.Add(time.Duration(i)*time.Millisecond))
			log.commit(e)
			want = append(want, e.ID)
		}
		pass(time.Hour)
		late := entry("late", "alice", time.Now())
		log.reading = func() { // Right behind what was read of the log.
			log.reading = nil
			log.entries = append(log.entries, late)
			log.tell(late, late)
		}
		f := follow(t.Context(), a, "", store.LogPosition{RecordedAt: start}.Cursor())
		pass(0)
		require.Equal(t, append(want, "late"), f.got(), "in order, without a gap, each once")
		pass(streamBeat)
		require.Len(t, f.got(), len(want)+1)
		f.leave()
	})
}

// TestStreamFindsWhatWasNotToldOf loses notices with and without being told of it.
func TestStreamFindsWhatWasNotToldOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newLog(t)
		f := follow(t.Context(), log.api(t, Config{}), "", "")
		pass(time.Second)
		log.commit(entry("a", "alice", time.Now()))
		log.bus.Lose()
		pass(0)
		require.Equal(t, []string{"a"}, f.got())
		log.commit(entry("b", "alice", time.Now()))
		pass(streamBeat)
		require.Equal(t, []string{"a", "b"}, f.got())

		log.fail(store.ErrUnavailable)
		log.record(entry("c", "alice", time.Now()))
		pass(streamBeat)
		log.commit(entry("d", "alice", time.Now()))
		pass(10 * time.Second)
		require.Equal(t, []string{"a", "b", "c"}, f.got(), "notices go on while the store is unavailable")
		for range 8 {
			pass(streamBeat)
		}
		// The client comes again after all this, to a store that answers.
		id := f.leave()
		log.fail(nil)
		f = follow(t.Context(), log.api(t, Config{}), "", id)
		pass(0)
		require.Contains(t, f.got(), "d")
		f.leave()
	})
}

func TestSlowClientIsDisconnected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newLog(t)
		a := log.api(t, Config{})
		started := time.Now()
		out, in := io.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			w := responseWriter{in, &follower{header: http.Header{}}}
			a.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/events/stream", nil))
		}()
		_, err := io.ReadFull(out, make([]byte, 1)) // It takes the first byte, and then nothing.
		require.NoError(t, err)
		for i := range 3 {
			var batch []store.Entry
			for j := range maxPending / 2 {
				batch = append(batch, entry(fmt.Sprintf("%d-%d", i, j), "alice", time.Now()))
			}
			log.tell(batch...)
			synctest.Wait()
		}
		go func() { _, _ = io.Copy(io.Discard, out) }()
		<-ended
		require.Zero(t, time.Since(started))
		require.Empty(t, a.hub.feeds)
		_ = in.Close()
	})
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newLog(t)
		a := log.api(t, Config{MaxStreams: 1})
		f := follow(t.Context(), a, "", "")
		pass(0)
		w := ask(t, a, "GET", "/v1/events/stream")
		requireProblem(t, w, 503, "busy")
		require.Equal(t, "2", w.Header().Get("Retry-After"))
		f.leave()
		f = follow(t.Context(), a, "", "")
		pass(streamLife)
		<-f.ended // Its token may have ended.
		f = follow(t.Context(), a, "", "")
		pass(0)
		a.Close()
		<-f.ended
		<-follow(t.Context(), a, "", "").ended
		require.Empty(t, a.hub.feeds)
	})
}

func TestStreamRefusals(t *testing.T) {
	t.Parallel()
	a := newLog(t).api(t, Config{})
	for _, query := range []string{"?status=lost", "?status=dead,", "?id=%00", "?bot=%00", "?bot=a&bot=b", "?limit=1"} {
		requireProblem(t, ask(t, a, "GET", "/v1/events/stream"+query), 400, "malformed")
	}
	w := ask(t, a, "HEAD", "/v1/events/stream")
	requireProblem(t, w, 405, "method-not-allowed")
	require.Equal(t, "GET", w.Header().Get("Allow"))
	requireProblem(t, askAs(t, a, "GET", "/v1/events/stream?bot=demo", "other"), 403, "other-bot")
	requireProblem(t, askAs(t, a, "GET", "/v1/events/stream", ""), 403, "other-bot")
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/events/stream", nil)
	r.Header.Set("Last-Event-ID", "17")
	recorder := httptest.NewRecorder()
	a.ServeHTTP(recorder, r)
	requireProblem(t, recorder, 400, "malformed")
}

// TestStreamModel records at random, in time, late or without a notice, while a client comes
// and goes: it gets everything, and within a connection nothing twice.
func TestStreamModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 6))
			log := newLog(t)
			a := log.api(t, Config{})
			f := follow(t.Context(), a, "?user=alice", "")
			pass(0)
			want, got := map[string]bool{}, map[string]bool{}
			collect := func() {
				seen := map[string]bool{}
				for _, id := range f.got() {
					require.False(t, seen[id], "seed %d: %s twice", seed, id)
					seen[id], got[id] = true, true
				}
			}
			for i := range 300 {
				pass(time.Duration(random.IntN(4000)) * time.Millisecond)
				e := entry(fmt.Sprint(i), []string{"alice", "bob"}[random.IntN(2)], time.Now())
				want[e.ID] = e.Subject == "alice"
				switch random.IntN(10) {
				case 0: // A process ends between its commit and its notice.
					log.commit(e)
				case 1:
					log.commit(e)
					log.bus.Lose()
				case 2: // A commit that takes long.
					delay := time.Duration(random.IntN(int(store.LogSettled)))
					time.AfterFunc(delay, func() { log.record(e) })
				case 3:
					collect()
					id := f.leave()
					pass(time.Duration(random.IntN(100)) * time.Second)
					log.record(entry(e.ID, e.Subject, time.Now()))
					f = follow(t.Context(), a, "?user=alice", id)
				case 4:
					log.fail([]error{nil, store.ErrUnavailable}[random.IntN(2)])
					log.record(e)
				default:
					log.record(e)
				}
			}
			log.fail(nil)
			pass(time.Minute)
			collect()
			f.leave()
			for id, alices := range want {
				require.Equal(t, alices, got[id], "seed %d: %s", seed, id)
			}
		})
	}
}

// TestStreamOutlastsTheTimeoutsOfTheServer gets an event after both have passed.
func TestStreamOutlastsTheTimeoutsOfTheServer(t *testing.T) {
	t.Parallel()
	log := newLog(t)
	server := httptest.NewUnstartedServer(log.api(t, Config{}))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 500*time.Millisecond, 500*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	response, err := server.Client().Get(server.URL + "/v1/events/stream")
	require.NoError(t, err)
	defer response.Body.Close()
	timer := time.AfterFunc(time.Second, func() { log.record(entry("a", "alice", time.Now())) })
	defer timer.Stop()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), `{"id":"a"`) {
			return
		}
	}
	t.Fatal("the stream ended")
}
