package botenqueue

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/modules/internal/delivery"
)

func TestPreferredWait(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]time.Duration{
		"wait=10":                        10 * time.Second,
		"respond-async, wait=10":         10 * time.Second,
		"WAIT = \"10\" ; x=y":            10 * time.Second,
		"wait=100":                       30 * time.Second,
		"wait=1|wait=20":                 time.Second,
		"wait=1, wait=20":                time.Second,
		"":                               0,
		"wait":                           0,
		"wait=0":                         0,
		"wait=-1":                        0,
		"wait=1.5":                       0,
		"wait=10s":                       0,
		"wait=99999999999999999999":      0,
		"respond-async; wait=10":         0,
		"waiting=10, return=minimal,,;=": 0,
	} {
		header := http.Header{"Prefer": strings.Split(given, "|")}
		require.Equal(t, want, preferredWait(header, maxPreferWait), given)
	}
}

// behind is what stands behind the handler.
type behind func(w http.ResponseWriter, r *http.Request) error

func (b behind) ServeHTTP(w http.ResponseWriter, r *http.Request) error { return b(w, r) }

// prefer sends a command that waits to a handler in front of another one, and returns what the log got, too.
func prefer(t *testing.T, r *http.Request, next behind) (*httptest.ResponseRecorder, string) {
	t.Helper()
	var log bytes.Buffer
	h := newHandler(&fakeApp{})
	h.PreferWait, h.warnings = caddy.Duration(30*time.Second), rate.Sometimes{First: 1}
	h.logger = slog.New(slog.NewTextHandler(&log, nil))
	w := httptest.NewRecorder()
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, w, nil)
	for name, value := range client {
		repl.Set(name, value)
	}
	require.NoError(t, h.ServeHTTP(w, r, next))
	return w, log.String()
}

func preferring(wait string) *http.Request {
	r := command(`{"command":"/x"}`)
	r.Header.Set("Prefer", wait)
	r.Header.Set("Idempotency-Key", "k")
	r.Header.Set("X-Botgate-Bot", "demo")
	return r
}

func TestClientGetsWhatTheBotAnswers(t *testing.T) {
	t.Parallel()
	var asked *http.Request
	w, log := prefer(t, preferring("wait=10"), func(w http.ResponseWriter, r *http.Request) error {
		asked = r
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Security-Policy", "sandbox")
		w.Header().Set("Set-Cookie", "a=b")
		w.WriteHeader(http.StatusEarlyHints)
		_, err := w.Write([]byte("<p>done</p>"))
		return errors.Join(err, http.NewResponseController(w).Flush())
	})
	require.Equal(t, http.MethodGet, asked.Method)
	require.Regexp(t, `^/v1/events/[0-9a-f-]{36}/answer\?wait=10s$`, asked.RequestURI)
	require.Equal(t, asked.RequestURI, asked.URL.String())
	require.Zero(t, asked.ContentLength)
	require.Equal(t, http.Header{"X-Botgate-Bot": {"demo"}}, asked.Header, "who asks, and nothing of the command")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "<p>done</p>", w.Body.String())
	require.Regexp(t, `^/v1/events/[0-9a-f-]{36}$`, w.Header().Get("Location"))
	w.Header().Del("Location")
	require.Equal(t, http.Header{
		"Content-Type": {"text/html"}, "Content-Security-Policy": {"sandbox"}, "Content-Length": {"11"},
		"Cache-Control": {"no-store"}, "Preference-Applied": {"wait=10"},
	}, w.Header())
	require.Empty(t, log)
}

// TestNoAnswerIs202: the event is accepted whatever becomes of the wait.
func TestNoAnswerIs202(t *testing.T) {
	t.Parallel()
	status := func(code int) behind {
		return func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(code)
			_, err := w.Write([]byte("{}"))
			return err
		}
	}
	for name, c := range map[string]struct {
		next     behind
		isLogged bool
	}{
		"not yet":           {status(http.StatusAccepted), false},
		"none is kept":      {status(http.StatusNotFound), false},
		"busy":              {status(http.StatusServiceUnavailable), true},
		"nobody is behind":  {func(http.ResponseWriter, *http.Request) error { return nil }, true},
		"it can't be asked": {func(http.ResponseWriter, *http.Request) error { return errors.New("no upstream") }, true},
		"it breaks off":     {func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) }, true},
		"longer than any": {func(w http.ResponseWriter, _ *http.Request) error {
			_, _ = w.Write(make([]byte, event.MaxAnswer+1)) // As a proxy that has sent its status.
			return nil
		}, true},
	} {
		w, log := prefer(t, preferring("wait=1"), c.next)
		require.Equal(t, http.StatusAccepted, w.Code, name)
		require.JSONEq(t, `{"id":"`+w.Header().Get("Location")[len("/v1/events/"):]+`","status":"accepted"}`, w.Body.String())
		require.Equal(t, "application/json", w.Header().Get("Content-Type"), name)
		require.Empty(t, w.Header().Get("Preference-Applied"), name)
		require.Equal(t, c.isLogged, strings.Contains(log, "level=WARN"), "%s: %s", name, log)
	}
}

// TestNobodyIsAsked where a client does not wait, or a platform sends.
func TestNobodyIsAsked(t *testing.T) {
	t.Parallel()
	never := behind(func(http.ResponseWriter, *http.Request) error {
		t.Error("asked")
		return nil
	})
	w, _ := prefer(t, preferring("respond-async"), never)
	require.Equal(t, http.StatusAccepted, w.Code)

	h := newHandler(&fakeApp{})
	h.PreferWait = caddy.Duration(time.Second)
	w = serveAfter(t, h, preferring("wait=1"), client, func(r *http.Request) {
		delivery.Set(r, &delivery.Delivery{Platform: "github", Delivery: platform.Delivery{Events: []platform.Event{{}}}})
	})
	require.Equal(t, http.StatusAccepted, w.Code)
	h.PreferWait = 0
	require.Equal(t, http.StatusAccepted, serve(t, h, preferring("wait=1"), client).Code, "it is off by default")
}

// TestWaitIsBounded has somebody behind the handler who never answers.
func TestWaitIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hangs := behind(func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return r.Context().Err()
		})
		began := time.Now()
		w, log := prefer(t, preferring("wait=5"), hangs)
		require.Equal(t, http.StatusAccepted, w.Code)
		require.Equal(t, 5*time.Second+preferMargin, time.Since(began))
		require.Contains(t, log, "deadline exceeded")

		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		began = time.Now()
		_, log = prefer(t, preferring("wait=5").WithContext(ctx), hangs)
		require.Equal(t, time.Second, time.Since(began))
		require.Empty(t, log, "that a client leaves is nobody's fault")
	})
}
