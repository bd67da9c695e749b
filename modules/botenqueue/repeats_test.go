package botenqueue

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/idempotency"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/sharedstate"
	"github.com/botgate/botgate/internal/testsvc"
	"github.com/botgate/botgate/modules/internal/delivery"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

// remembering is a handler that tells repeats: in Redis, or in this process for an empty URL.
func remembering(t testing.TB, f *fakeApp, url string) *Handler {
	t.Helper()
	h := newHandler(f)
	c := sharedstate.Config{MaxKeys: 10_000, Logger: slog.New(slog.DiscardHandler)}
	if url != "" {
		client, err := redisclient.Open(url)
		require.NoError(t, err)
		c.Redis = redisclient.NewPipe(client)
		f.pipe = c.Redis
		t.Cleanup(func() { require.NoError(t, c.Redis.Close()) })
	}
	h.store = idempotency.New(c)
	t.Cleanup(func() { require.NoError(t, h.store.Close()) })
	// A generous budget: these tests are not about a slow machine.
	h.terms = idempotency.Terms{Window: time.Hour, Lease: time.Hour, Budget: 20 * time.Second}
	return h
}

// onBoth runs a test in this process and over Redis.
func onBoth(t *testing.T, test func(t *testing.T, f *fakeApp, h *Handler)) {
	t.Helper()
	for name, url := range map[string]string{"process": "", "redis": testsvc.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fakeApp{}
			test(t, f, remembering(t, f, url))
		})
	}
}

func keyed(key, body string) *http.Request {
	r := command(body)
	r.Header.Set("Idempotency-Key", key)
	return r
}

// requireReplay finds an answer to be another one again.
func requireReplay(t *testing.T, first, again *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, first.Code, again.Code)
	require.Equal(t, first.Body.String(), again.Body.String())
	require.Empty(t, first.Header().Get("Idempotency-Replayed"))
	header := again.Header().Clone()
	require.Equal(t, "true", header.Get("Idempotency-Replayed"))
	header.Del("Idempotency-Replayed")
	require.Equal(t, first.Header(), header)
}

func TestSameKeyAndBodyGivesTheFirstAnswer(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f *fakeApp, h *Handler) {
		key := uuid.NewString()
		first := serve(t, h, keyed(key, `{"a":1}`), client)
		require.Equal(t, http.StatusAccepted, first.Code)
		requireReplay(t, first, serve(t, h, keyed(key, `{"a":1}`), client))
		requireReplay(t, first, serve(t, h, keyed(key, `{"a":1}`), client))
		require.Len(t, f.published, 1)
		content := event.ContentOf("", "alice", []byte(`{"a":1}`))
		of := event.Identity{Bot: "demo", Sender: event.ClientSender("", "alice"), Key: key, Content: content[:]}
		require.Equal(t, of.ID("alice"), f.published[0].ID)

		serve(t, h, keyed(key, `{"a":1}`), map[string]string{placeholderAuthUser: "mallory"})
		require.Len(t, f.published, 2, "keys belong to their client")
		for range 2 {
			require.Empty(t, serve(t, h, command(`{"a":1}`), client).Header().Get("Idempotency-Replayed"))
		}
		require.Len(t, f.published, 4, "without a key, each is new")
	})
}

// TestKeysBelongToTheirClientAndBot finds the answer, and the existence, of a key kept from
// everybody else.
func TestKeysBelongToTheirClientAndBot(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f *fakeApp, h *Handler) {
		h.Open = true // For those without a name.
		key := uuid.NewString()
		toOther := keyed(key, `{"a":4}`)
		toOther.URL.Path = "/v1/bots/other/commands"
		ids := map[string]bool{}
		for _, stranger := range []struct {
			request *http.Request
			user    string
		}{
			{keyed(key, `{"a":1}`), "alice"},
			{keyed(key, `{"a":1}`), "mallory"},
			{keyed(key, `{"a":2}`), ""},
			{keyed(key, `{"a":3}`), "alice:"},
			{toOther, "alice"},
		} {
			w := serve(t, h, stranger.request, map[string]string{placeholderAuthUser: stranger.user})
			require.Equal(t, http.StatusAccepted, w.Code, "%s", w.Body)
			require.Empty(t, w.Header().Get("Idempotency-Replayed"))
			ids[w.Header().Get("Location")] = true
		}
		require.Len(t, ids, 5)
		delivered := deliver(t, h, github(key), `{}`)
		require.NotContains(t, ids, delivered.Header().Get("Location"), "nor to a platform")
		require.Len(t, f.published, 6)
	})
}

func TestKeysAreCapped(t *testing.T) {
	t.Parallel()
	visible := strings.Repeat("~", 254) + "!"
	for name, c := range map[string]struct {
		keys []string
		good bool
	}{
		"longest":   {[]string{visible}, true},
		"quoted":    {[]string{`"8e03978e-40d5-43dd-bc93-6894a57f9324"`}, true},
		"spaces":    {[]string{`"order 17"`}, true},
		"half":      {[]string{`"order17`}, false},
		"too long":  {[]string{visible + "x"}, false},
		"enormous":  {[]string{strings.Repeat("k", 1<<20)}, false},
		"empty":     {[]string{""}, false},
		"two":       {[]string{"a", "b"}, false},
		"space":     {[]string{"a b"}, false},
		"tab":       {[]string{"a\tb"}, false},
		"line":      {[]string{"a\n"}, false},
		"delete":    {[]string{"a\x7f"}, false},
		"not ASCII": {[]string{"schlüssel"}, false},
		"not UTF-8": {[]string{"\xff"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fakeApp{}
			h := remembering(t, f, "")
			r := command(`{}`)
			r.Header["Idempotency-Key"] = c.keys
			w := serve(t, h, r, client)
			if c.good {
				require.Equal(t, http.StatusAccepted, w.Code, "%s", w.Body)
				return
			}
			requireProblem(t, w, http.StatusBadRequest, "malformed")
			require.Contains(t, w.Body.String(), "Idempotency-Key must be one value of 1 to 255 visible ASCII characters, or a quoted string")
			require.Empty(t, f.published)
		})
	}
}

func TestSameKeyAndOtherRequestIsRefused(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f *fakeApp, h *Handler) {
		key := uuid.NewString()
		first := serve(t, h, keyed(key, `{"a":1}`), client)
		requireProblem(t, serve(t, h, keyed(key, `{"a":2}`), client), http.StatusUnprocessableEntity, "idempotency-mismatch")
		h.Type = "other"
		requireProblem(t, serve(t, h, keyed(key, `{"a":1}`), client), http.StatusUnprocessableEntity, "idempotency-mismatch")
		h.Type = typePlaceholder
		requireReplay(t, first, serve(t, h, keyed(key, `{"a":1}`), client))
		require.Len(t, f.published, 1)
	})
}

// gate is a queue whose publishes wait until they are let go.
type gate struct {
	base
	entered, leave chan struct{}
}

func (g *gate) Publish(context.Context, ...*event.Event) error {
	g.entered <- struct{}{}
	<-g.leave
	return nil
}

// gatedApp has a gate for its queue.
type gatedApp struct {
	fakeApp
	gate gate
}

func (g *gatedApp) Queue() (queue.Queue, error) { return &g.gate, nil }

// begin runs a request that may have to wait in the gate.
func begin(h *Handler, r *http.Request) <-chan *httptest.ResponseRecorder {
	done := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, nil); err != nil {
			w.Code = http.StatusInternalServerError
		}
		done <- w
	}()
	return done
}

// prepared is a request as Caddy hands it to the handler.
func prepared(r *http.Request) *http.Request {
	repl := caddy.NewReplacer()
	repl.Set(placeholderAuthUser, client[placeholderAuthUser])
	return caddyhttp.PrepareRequest(r, repl, httptest.NewRecorder(), nil)
}

func TestKeyInFlightIsAConflict(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, _ *fakeApp, h *Handler) {
		g := &gatedApp{gate: gate{entered: make(chan struct{}), leave: make(chan struct{})}}
		h.app = g
		key := uuid.NewString()
		first := begin(h, prepared(keyed(key, `{}`)))
		<-g.gate.entered
		w := serve(t, h, keyed(key, `{}`), client)
		requireProblem(t, w, http.StatusConflict, "idempotency-conflict")
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		close(g.gate.leave)
		requireReplay(t, <-first, serve(t, h, keyed(key, `{}`), client))
	})
}

func TestPlatformIsNotToldToComeBackWhileItsEventIsInFlight(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, _ *fakeApp, h *Handler) {
		g := &gatedApp{gate: gate{entered: make(chan struct{}), leave: make(chan struct{})}}
		h.app = g
		d := github(uuid.NewString())
		var answers [2]<-chan *httptest.ResponseRecorder
		for i := range answers {
			r := prepared(command(`{}`))
			delivery.Set(r, d)
			answers[i] = begin(h, r)
			<-g.gate.entered
		}
		require.Empty(t, answers[1], "no success before a confirmation")
		close(g.gate.leave)
		first, second := <-answers[0], <-answers[1]
		require.Equal(t, http.StatusAccepted, first.Code)
		require.Equal(t, first.Body.String(), second.Body.String(), "the same id, so the queue has it once")
	})
}

func TestWhatWasNotConfirmedIsPublishedAgain(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f *fakeApp, h *Handler) {
		key, d := uuid.NewString(), github(uuid.NewString())
		for range 2 {
			f.err = queue.ErrUnconfirmed
			requireProblem(t, serve(t, h, keyed(key, `{}`), client), http.StatusServiceUnavailable, "queue-unavailable")
			requireProblem(t, deliver(t, h, d, `{}`), http.StatusServiceUnavailable, "queue-unavailable")
		}
		f.err = nil
		requireProblem(t, serve(t, h, keyed(key, `[]`), client), http.StatusUnprocessableEntity, "idempotency-mismatch")
		first := serve(t, h, keyed(key, `{}`), client)
		require.Equal(t, http.StatusAccepted, first.Code)
		require.Equal(t, http.StatusAccepted, deliver(t, h, d, `{}`).Code)
		require.Len(t, f.published, 2)
		requireReplay(t, first, serve(t, h, keyed(key, `{}`), client))
		require.Equal(t, http.StatusAccepted, deliver(t, h, d, `{}`).Code)
		require.Len(t, f.published, 2)
	})
}

// github is a delivery that any 2xx answers.
func github(id string) *delivery.Delivery {
	return &delivery.Delivery{Platform: "github", Delivery: platform.Delivery{
		Events: []platform.Event{{Type: "github.push", Key: named(id)}},
	}}
}

func TestPlatformRepeatGetsSuccessAndIsNotQueued(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f *fakeApp, h *Handler) {
		id := uuid.NewString()
		slack := github(id)
		slack.Platform, slack.Reply = "slack", &platform.Reply{Status: http.StatusOK, ContentType: "text/plain", Body: []byte("OK")}
		for _, d := range []*delivery.Delivery{slack, github(id)} {
			f.published = nil
			first := deliver(t, h, d, `{"retry":0}`)
			again := deliver(t, h, d, `{"retry":1}`)
			require.Equal(t, first.Code, again.Code)
			require.Equal(t, first.Body.String(), again.Body.String())
			require.Equal(t, first.Header(), again.Header(), "the platform's success, and nothing else")
			require.Len(t, f.published, 1, d.Platform)
		}
		for range 2 {
			deliver(t, h, github(""), `{}`)
		}
		require.Len(t, f.published, 3, "what has no id can't be told from a new event")
	})
}

func TestOnlyNewItemsOfABatchAreQueued(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f *fakeApp, h *Handler) {
		run := uuid.NewString()
		batch := func(ids ...string) *delivery.Delivery {
			d := &delivery.Delivery{Platform: "line", Delivery: platform.Delivery{Reply: &platform.Reply{Status: http.StatusOK}}}
			for _, id := range ids {
				item := platform.Event{Type: "line.message", Body: []byte(`{"events":["` + id + `"]}`)}
				if id != "" {
					item.Key = named(run + id)
				}
				d.Events = append(d.Events, item)
			}
			return d
		}
		for _, step := range []struct{ delivered, published []string }{
			{[]string{"a", "b"}, []string{"a", "b"}},
			{[]string{"b", "c", "a", "c"}, []string{"c"}},
			{[]string{"c", "a"}, nil},
			{[]string{"a", "", "d", ""}, []string{"", "d", ""}},
			{[]string{"a", ""}, []string{""}},
		} {
			f.published = nil
			require.Equal(t, http.StatusOK, deliver(t, h, batch(step.delivered...), `{}`).Code)
			var published []string
			for _, e := range f.published {
				published = append(published, strings.TrimSuffix(strings.TrimPrefix(string(e.Data), `{"events":["`), `"]}`))
			}
			require.Equal(t, step.published, published, "of %q", step.delivered)
		}
	})
}

func TestRepeatsAreCounted(t *testing.T) {
	repeated := func() float64 { return testutil.ToFloat64(requestsTotal.WithLabelValues("repeated")) }
	h := remembering(t, &fakeApp{}, "")
	before := repeated()
	for range 2 {
		serve(t, h, keyed("k", `{}`), client)
		deliver(t, h, github("d"), `{}`)
	}
	require.InDelta(t, before+2, repeated(), 0)
}

// TestUnreachableRedisRefusesNobody finds each request taken, and repeats recognised by this process.
func TestUnreachableRedisRefusesNobody(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	f := &fakeApp{}
	h := remembering(t, f, server.URL)
	h.terms.Budget = 50 * time.Millisecond
	server.Kill()
	first := serve(t, h, keyed("k", `{}`), client)
	require.Equal(t, http.StatusAccepted, first.Code)
	requireReplay(t, first, serve(t, h, keyed("k", `{}`), client))
	for range 2 {
		require.Equal(t, http.StatusAccepted, deliver(t, h, github("d"), `{}`).Code)
	}
	require.Len(t, f.published, 2)
}
