package botcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/retry"
	"github.com/botgate/botgate/modules/internal/delivery"
	"github.com/botgate/botgate/modules/internal/placeholder"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

// renewTimeout bounds the renewal of an answer whose client has it already.
const renewTimeout = 30 * time.Second

// request is one that can be answered from the cache.
type request struct {
	*http.Request
	key         key
	wish        wish
	credentials bool
	next        caddyhttp.Handler
	// found is the answer that was kept for it, fresh or not; nil for none.
	found *answer
	// backup is that it may be given in place of an error.
	backup bool
	// end is called as soon as others need not wait for what the bot answers; nil where nobody does.
	end func()
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !handled(r) {
		return h.pass(w, r, next)
	}
	q := h.read(r, next)
	if q.wish.pass {
		count(resultBypass)
		return next.ServeHTTP(w, r)
	}
	now := time.Now()
	switch stale, usable := q.look(h.answers, now); {
	case usable && stale < 0:
		count(resultHit)
		return q.found.write(w, r, now, hit(-stale))
	case usable:
		return h.serveStale(w, q, now)
	case q.wish.only:
		count(resultMiss)
		w.WriteHeader(http.StatusGatewayTimeout) // RFC 9111, section 5.2.1.7.
		return nil
	case q.found != nil:
		return h.renewWithOthers(w, q)
	}
	return h.fetch(w, q)
}

// pass lets a request through that is not for a cache. One that may change the resource drops what is kept of it
// (RFC 9111, section 4.4).
func (h *Handler) pass(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	count(resultBypass)
	if slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace}, r.Method) {
		return next.ServeHTTP(w, r)
	}
	callers := h.read(r, next).key
	shared := callers
	shared.apart = h.apart(r, false)
	err := next.ServeHTTP(w, r)
	h.answers.drop(callers)
	h.answers.drop(shared)
	return err
}

// read finds out what a request asks for, and whom its answer may be for.
func (h *Handler) read(r *http.Request, next caddyhttp.Handler) *request {
	q := &request{Request: r, wish: wishOf(r), credentials: hasCredentials(r), next: next}
	q.key = key{host: strings.ToLower(r.Host), uri: r.URL.RequestURI(), apart: h.apart(r, q.credentials && h.PerCaller)}
	return q
}

// apart is what tells answers apart that are at one address.
func (h *Handler) apart(r *http.Request, caller bool) string {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	var parts []string
	for _, text := range h.Key {
		parts = append(parts, placeholder.Fill(repl, text))
	}
	if caller {
		parts = append(parts, user(r), strings.Join(r.Header["Authorization"], "\n"), strings.Join(r.Header["Cookie"], "\n"))
	}
	if len(parts) == 0 {
		return ""
	}
	return digest(parts...)
}

// user is the one that bot_jwt verified; empty for none.
func user(r *http.Request) string {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	name, _ := repl.GetString("http.auth.user.id")
	return name
}

// hasCredentials reports whether the answer may be for this caller alone.
func hasCredentials(r *http.Request) bool {
	return r.Header["Authorization"] != nil || r.Header["Cookie"] != nil || user(r) != "" || delivery.Of(r) != nil
}

// look finds the answer that is kept, and by how much it is stale; usable while it may be given without asking the
// bot first.
func (q *request) look(all *answers, now time.Time) (stale time.Duration, usable bool) {
	if q.found = all.find(q.key, q.Header); q.found == nil {
		return 0, false
	}
	stale = q.found.staleBy(now)
	return stale, stale < q.found.whileRevalidate && q.wish.takes(q.found.age(now), max(0, -stale))
}

// serveStale answers with what is stale, and renews it, unless another request does.
func (h *Handler) serveStale(w http.ResponseWriter, q *request, now time.Time) error {
	count(resultStale)
	if q.Method == http.MethodGet { // The answer to another one would not be kept.
		alone := *q
		alone.Request = detach(q.Request)
		h.flights.start(q.key, func() { h.renewAlone(&alone) })
	}
	return q.found.write(w, q.Request, now, stale(q.found.staleBy(now), "stale-while-revalidate"))
}

// renewAlone asks the bot for what the client has got already.
func (h *Handler) renewAlone(q *request) {
	ctx, cancel := context.WithTimeout(q.Context(), renewTimeout)
	defer cancel()
	defer context.AfterFunc(h.closing, cancel)()
	defer func() { // As net/http does for a request of its own; reverse_proxy panics where an answer is cut off.
		if p := recover(); p != nil {
			h.complain(q, fmt.Errorf("panic: %v", p))
		}
	}()
	q.Request, q.backup = q.WithContext(ctx), true
	if _, _, err := h.ask(nowhere{}, q); err != nil && h.closing.Err() == nil {
		h.complain(q, err)
	}
}

// renewWithOthers asks the bot if nobody else does for the same, or waits for what that one hears.
func (h *Handler) renewWithOthers(w http.ResponseWriter, q *request) error {
	end, done := h.flights.begin(q.key)
	if end != nil {
		q.end = sync.OnceFunc(end)
		defer q.end()
		return h.fetch(w, q)
	}
	retry.Wait(q.Context(), done, renewTimeout)
	now := time.Now()
	if stale, usable := q.look(h.answers, now); usable && stale < 0 {
		count(resultHit)
		return q.found.write(w, q.Request, now, hit(-stale))
	}
	return h.fetch(w, q)
}

// complain logs that the bot did not answer while the client got what was kept.
func (h *Handler) complain(q *request, err error) {
	suppressed, ok := h.sampler.Sample("renew")
	if !ok {
		return
	}
	if handled := (caddyhttp.HandlerError{}); errors.As(err, &handled) && handled.Err != nil {
		err = handled.Err
	}
	attrs := append(requestlog.Attrs(q.Request), slog.String("error", requestlog.Printable(err.Error())))
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	h.logger.LogAttrs(q.Context(), slog.LevelWarn, "bot did not answer; a stale answer was given", attrs...)
}
