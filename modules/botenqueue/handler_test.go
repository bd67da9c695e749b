package botenqueue

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/desk"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testsvc"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/modules/internal/delivery"
	"github.com/botgate/botgate/modules/internal/security"
)

// fakeApp stands for the botgate app with a queue that the test controls.
type fakeApp struct {
	fakeQueue
	pipe    *redisclient.Pipe
	openErr error
	forward []string
	answers string // The bot whose answers are for platforms.
}

func (f *fakeApp) Queue() (queue.Queue, error)     { return &f.fakeQueue, f.openErr }
func (f *fakeApp) KnownBot(name string) bool       { return name == "demo" || name == "other" }
func (f *fakeApp) HasBots() bool                   { return true }
func (f *fakeApp) ForwardHeaders(string) []string  { return f.forward }
func (f *fakeApp) AnswersPlatform(bot string) bool { return bot == f.answers }
func (f *fakeApp) Messaging() *tracing.Messaging   { return nil }

func (f *fakeApp) RedisPipe() *redisclient.Pipe { return f.pipe }

type base = queue.Queue

type fakeQueue struct {
	base
	mu sync.Mutex
	// published are events, changes what is told about them.
	published, changes []*event.Event
	err                error
	desk               desk.Desk
	onPublish          func(*event.Event)
}

func (f *fakeQueue) Desk() *desk.Desk { return &f.desk }

func (f *fakeQueue) Publish(ctx context.Context, events ...*event.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		switch {
		case f.err != nil:
		case e.IsChange():
			f.changes = append(f.changes, e)
		default:
			f.published = append(f.published, e)
			if f.onPublish != nil {
				f.onPublish(e)
			}
		}
	}
	return errors.Join(f.err, ctx.Err())
}

func newHandler(f *fakeApp) *Handler {
	return &Handler{
		Bot: "{http.request.uri.path.2}", Type: typePlaceholder, MaxSize: 1000, Timeout: caddy.Duration(time.Second),
		app: f, logger: slog.New(slog.DiscardHandler), security: security.NewLog(caddy.Context{}), now: time.Now,
	}
}

// serve runs one request through the handler, with the placeholders that the modules
// before it leave.
func serve(t *testing.T, h *Handler, r *http.Request, placeholders map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	return serveAfter(t, h, r, placeholders, func(*http.Request) {})
}

// serveAfter does the same after what another handler did with the request.
func serveAfter(t *testing.T, h *Handler, r *http.Request, placeholders map[string]string, before func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, w, nil)
	for name, value := range placeholders {
		repl.Set(name, value)
	}
	before(r)
	require.NoError(t, h.ServeHTTP(w, r, nil))
	return w
}

func command(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/bots/demo/commands", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

var client = map[string]string{placeholderAuthUser: "alice", delivery.PlaceholderVerifiedBy: "jwt"}

func TestCommandIsPublishedAndAnswered(t *testing.T) {
	t.Parallel()
	f := &fakeApp{}
	h := newHandler(f)
	h.Type = "command"
	r := command(`{ "command":"/x" }`)
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	w := serve(t, h, r, client)

	require.Equal(t, http.StatusAccepted, w.Code)
	require.Len(t, f.published, 1)
	e := f.published[0]
	require.JSONEq(t, fmt.Sprintf(`{"id":%q,"status":"accepted"}`, e.ID), w.Body.String())
	require.Equal(t, "/v1/events/"+e.ID, w.Header().Get("Location"))
	require.Equal(t, `{ "command":"/x" }`, string(e.Data), "byte for byte")
	require.Equal(t, []string{"demo", "command", "alice", "alice", "jwt", "application/json"},
		[]string{e.Bot, e.Type, e.Subject, e.OrderKey, e.VerifiedBy, e.ContentType})
	require.Equal(t, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", e.TraceParent, "a stranger does not have it sampled")
	require.WithinDuration(t, time.Now(), e.Time, time.Minute)
}

// named is a key that names a delivery by itself.
func named(value string) platform.Key {
	return platform.Key{Value: value, Rule: platform.Rule{Signed: true, Unique: true}}
}

// deliver runs a request through the handler that bot_signature verified before.
func deliver(t *testing.T, h *Handler, d *delivery.Delivery, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := caddyhttp.PrepareRequest(command(body), caddy.NewReplacer(), w, nil)
	delivery.Set(r, d)
	require.NoError(t, h.ServeHTTP(w, r, nil))
	return w
}

func TestPlatformEventTakesItsFacts(t *testing.T) {
	t.Parallel()
	f := &fakeApp{}
	w := deliver(t, newHandler(f), &delivery.Delivery{Platform: "github", Delivery: platform.Delivery{
		Events: []platform.Event{{Type: "github.push", User: "42", OrderKey: "repo-1", Key: platform.Key{Value: "d-1"}}},
	}}, `{}`)
	require.Equal(t, http.StatusAccepted, w.Code)
	e := f.published[0]
	require.Equal(t, []string{"github.push", "42", "repo-1", "github"}, []string{e.Type, e.Subject, e.OrderKey, e.VerifiedBy})
	of := event.Identity{Bot: "demo", Sender: event.PlatformSender("github", ""), Key: "d-1", Content: []byte(`{}`)}
	require.Equal(t, of.ID("42"), e.ID)
	require.JSONEq(t, fmt.Sprintf(`{"id":%q,"status":"accepted"}`, e.ID), w.Body.String())
}

func TestBatchIsOneEventPerItem(t *testing.T) {
	t.Parallel()
	f := &fakeApp{}
	batch := &delivery.Delivery{Platform: "line", Delivery: platform.Delivery{
		Events: []platform.Event{
			{Type: "line.message", User: "u1", Key: named("a"), Body: []byte(`{"events":[1]}`)},
			{Type: "line.follow", User: "u2", OrderKey: "g", Body: []byte(`{"events":[2]}`)},
		},
		Reply: &platform.Reply{Status: http.StatusOK, ContentType: "text/plain", Body: []byte("OK")},
	}}
	w := deliver(t, newHandler(f), batch, `{"events":[1,2]}`)
	require.Equal(t, []any{http.StatusOK, "OK", "text/plain"}, []any{w.Code, w.Body.String(), w.Header().Get("Content-Type")})
	require.Len(t, f.published, 2)
	first, second := f.published[0], f.published[1]
	require.Equal(t, []string{"line.message", "u1", "u1", `{"events":[1]}`}, []string{first.Type, first.Subject, first.OrderKey, string(first.Data)})
	require.Equal(t, []string{"line.follow", "u2", "g", `{"events":[2]}`}, []string{second.Type, second.Subject, second.OrderKey, string(second.Data)})
	of := event.Identity{Bot: "demo", Sender: event.PlatformSender("line", ""), Key: "a"}
	require.Equal(t, of.ID("u1"), first.ID)
	require.NotEqual(t, first.ID, second.ID)

	f.err = queue.ErrUnavailable
	w = deliver(t, newHandler(f), batch, `{"events":[1,2]}`)
	require.Equal(t, http.StatusServiceUnavailable, w.Code, "a reply of success needs all of them")
}

func TestSameIdempotencyKeyGivesSameID(t *testing.T) {
	t.Parallel()
	f := &fakeApp{}
	h := newHandler(f)
	serve(t, h, keyed("k-1", `{}`), client)
	serve(t, h, keyed("k-1", `{}`), client)
	serve(t, h, keyed("k-1", `{}`), map[string]string{placeholderAuthUser: "mallory"})
	serve(t, h, command(`{}`), client)
	require.Equal(t, f.published[0].ID, f.published[1].ID)
	require.NotEqual(t, f.published[0].ID, f.published[2].ID, "keys belong to their client")
	require.NotEqual(t, f.published[0].ID, f.published[3].ID)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*http.Request) *http.Request
		status int
		slug   string
		header string
	}{
		"method": {func(r *http.Request) *http.Request { r.Method = http.MethodGet; return r }, 405, "method-not-allowed", "Allow"},
		"unknown bot": {func(*http.Request) *http.Request {
			return httptest.NewRequest(http.MethodPost, "/v1/bots/nobody/commands", nil)
		}, 404, "unknown-bot", ""},
		"no bot":    {func(*http.Request) *http.Request { return httptest.NewRequest(http.MethodPost, "/", nil) }, 404, "unknown-bot", ""},
		"too large": {func(*http.Request) *http.Request { return command(strings.Repeat("x", 1001)) }, 413, "too-large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fakeApp{}
			w := serve(t, newHandler(f), c.change(command(`{}`)), client)
			requireProblem(t, w, c.status, c.slug)
			require.Empty(t, f.published)
			if c.header != "" {
				require.NotEmpty(t, w.Header().Get(c.header))
			}
		})
	}
}

// TestTokensOfOneBotCommandNoOther: what bot_jwt found out about the token decides, before anything is said of the bot.
func TestTokensOfOneBotCommandNoOther(t *testing.T) {
	t.Parallel()
	for allowed, want := range map[string]int{botclaim.All: 202, "demo": 202, "other": 403, "": 403, "Demo": 403, " demo": 403} {
		f := &fakeApp{}
		placeholders := maps.Clone(client)
		placeholders[botclaim.Placeholder] = allowed
		w := serve(t, newHandler(f), command(`{}`), placeholders)
		require.Equal(t, want, w.Code, "%q", allowed)
		require.Len(t, f.published, map[int]int{202: 1}[want])
		unknown := httptest.NewRequest(http.MethodPost, "/v1/bots/nobody/commands", nil)
		if allowed != botclaim.All {
			requireProblem(t, serve(t, newHandler(f), unknown, placeholders), http.StatusForbidden, "other-bot")
		}
	}
}

func TestNothingIsAcceptedThatTheQueueDidNotConfirm(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*fakeApp{
		"unavailable": {fakeQueue: fakeQueue{err: queue.ErrUnavailable}},
		"unconfirmed": {fakeQueue: fakeQueue{err: fmt.Errorf("nack from 10.0.0.7: %w", queue.ErrUnconfirmed)}},
		"timeout":     {fakeQueue: fakeQueue{err: context.DeadlineExceeded}},
		"not open":    {openErr: errors.New("no such folder /srv/secret")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, newHandler(f), command(`{}`), client)
			requireProblem(t, w, http.StatusServiceUnavailable, "queue-unavailable")
			require.Equal(t, "5", w.Header().Get("Retry-After"))
			require.NotContains(t, w.Body.String(), "10.0.0.7")
			require.NotContains(t, w.Body.String(), "/srv")
		})
	}
}

func TestOutcomesAreCounted(t *testing.T) {
	before := testutil.ToFloat64(requestsTotal.WithLabelValues("accepted"))
	serve(t, newHandler(&fakeApp{}), command(`{}`), client)
	require.InDelta(t, before+1, testutil.ToFloat64(requestsTotal.WithLabelValues("accepted")), 0)
}

func requireProblem(t *testing.T, w *httptest.ResponseRecorder, status int, slug string) {
	t.Helper()
	require.Equal(t, status, w.Code)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	var p struct{ Type string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, "urn:botgate:problem:"+slug, p.Type)
}

// discarding is an app whose queue confirms everything and keeps nothing.
type discarding struct{ fakeApp }

func (*discarding) Queue() (queue.Queue, error) { return discard{}, nil }

type discard struct{ base }

func (discard) Publish(context.Context, ...*event.Event) error { return nil }

func BenchmarkAccept(b *testing.B) {
	keyless := newHandler(nil)
	for name, h := range map[string]*Handler{
		"Keyless": keyless, "Process": remembering(b, nil, ""), "Redis": remembering(b, nil, testsvc.Redis(b)),
	} {
		h.app = &discarding{}
		b.Run(name, func(b *testing.B) { benchmarkAccept(b, h, h != keyless) })
	}
}

func benchmarkAccept(b *testing.B, h *Handler, withKey bool) {
	body := `{"command":"/remind","text":"` + strings.Repeat("x", 500) + `"}`
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		repl := caddy.NewReplacer()
		r := caddyhttp.PrepareRequest(command(body), repl, w, nil)
		if withKey {
			r.Header.Set("Idempotency-Key", uuid.NewString())
		}
		repl.Set(placeholderAuthUser, "alice")
		if err := h.ServeHTTP(w, r, nil); err != nil || w.Code != http.StatusAccepted {
			b.Fatal(w.Code, err)
		}
	}
}

func TestCompressedBodyIsQueuedAsItsContent(t *testing.T) {
	t.Parallel()
	const content = `{ "command":"/x" }`
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, err := w.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	f := &fakeApp{}
	h := newHandler(f)
	r := command(compressed.String())
	r.Header.Set("Content-Encoding", "gzip")
	require.Equal(t, http.StatusAccepted, serve(t, h, r, client).Code)
	require.Equal(t, content, string(f.published[0].Data), "bots are not told of a content coding")

	r = command("{}")
	r.Header.Set("Content-Encoding", "compress")
	requireProblem(t, serve(t, h, r, client), http.StatusUnsupportedMediaType, "unsupported-type")
}

func TestEventOfAUserOverALimitIsPutOff(t *testing.T) {
	t.Parallel()
	f := &fakeApp{}
	w := httptest.NewRecorder()
	r := caddyhttp.PrepareRequest(command(`{}`), caddy.NewReplacer(), w, nil)
	delivery.Set(r, &delivery.Delivery{Platform: "line", Delivery: platform.Delivery{
		Events: []platform.Event{{Type: "line.message", User: "u1"}, {Type: "line.message", User: "u2"}},
	}})
	later := time.Now().Add(time.Minute)
	delivery.Postpone(r, 1, later)
	delivery.Postpone(r, 1, later.Add(-time.Second))
	require.NoError(t, newHandler(f).ServeHTTP(w, r, nil))
	require.Equal(t, http.StatusAccepted, w.Code)
	require.True(t, f.published[0].NotBefore.IsZero())
	require.WithinDuration(t, later, f.published[1].NotBefore, time.Millisecond, "the latest counts")
}

// TestUsersAreNeverMerged: names that share their first 512 bytes, or what is left without control characters, stay
// two users with an order each.
func TestUsersAreNeverMerged(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("u", 600)
	names := []string{long, long + "x", "ab", "a\x00b", "a\nb", long[:512]}
	f := &fakeApp{}
	h := newHandler(f)
	for _, user := range names {
		w := serve(t, h, command(`{}`), map[string]string{placeholderAuthUser: user})
		require.Equal(t, http.StatusAccepted, w.Code)
	}
	subjects, orders := map[string]bool{}, map[string]bool{}
	for _, e := range f.published {
		subjects[e.Subject], orders[e.OrderKey] = true, true
		require.Equal(t, event.BucketOf(e.Subject), event.BucketOfID(e.ID), "the id leads to where the user is")
	}
	require.Len(t, subjects, len(names))
	require.Len(t, orders, len(names))
}
