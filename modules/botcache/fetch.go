package botcache

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// failures are the statuses in place of which a stale answer may be given (RFC 5861, section 4).
var failures = []int{
	http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// errFailed is that the bot answered with one of those.
var errFailed = errors.New("it answered with an error")

// fetch answers a request by asking the bot, or by what is kept where that fails.
func (h *Handler) fetch(w http.ResponseWriter, q *request) error {
	now := time.Now()
	q.backup = q.found != nil && q.found.staleBy(now) < q.found.ifError
	given, renewed, err := h.ask(w, q)
	if q.end != nil { // However slowly the client takes its answer.
		q.end()
	}
	now = time.Now()
	switch {
	case renewed:
		count(resultRevalidated)
		return given.write(w, q.Request, now, "botgate; hit; fwd=stale; fwd-status=304")
	case given != nil:
		count(resultMiss)
		return given.write(w, q.Request, now, q.missed())
	case err != nil && q.backup:
		count(resultError)
		h.complain(q, err)
		return q.found.write(w, q.Request, now, stale(q.found.staleBy(now), "stale-if-error"))
	case err == nil:
		count(resultMiss)
	}
	return err
}

// ask has the bot answer the request, and keeps the answer. One that the client has nothing of yet is returned: what the
// bot says is still good, which is renewed, and what others wait for. All else goes to w, but for an error while there is
// something to give in its place.
func (h *Handler) ask(w http.ResponseWriter, q *request) (given *answer, renewed bool, err error) {
	asked, headers := time.Now(), q.Header.Clone() // Handlers behind this one may change them.
	ask, conditional := q.conditional()
	c := newCapture(w)
	c.limit, c.cacheStatus = h.MaxBody, q.missed()
	if q.end != nil {
		c.ahead, c.begun = true, q.end
	}
	c.hold = func(status int) bool {
		return conditional && status == http.StatusNotModified || q.backup && slices.Contains(failures, status)
	}
	c.keep = func(status int, bots http.Header) (lifetimes, bool) {
		return h.policy().judge(q.Method, q.credentials, status, bots)
	}
	err = q.next.ServeHTTP(c, ask)
	switch {
	case err != nil && (c.status == 0 || c.waiting):
		return nil, false, err
	case c.held && c.status == http.StatusNotModified:
		return h.renew(q, c, headers, asked), true, nil
	case c.held:
		return nil, false, fmt.Errorf("%w: %d", errFailed, c.status)
	}
	a := c.whole(asked)
	switch {
	case a != nil && err == nil:
		h.answers.keep(q.key, headers, a)
		if c.waiting {
			return a, false, nil
		}
	case q.found != nil && q.Method == http.MethodGet && c.status < http.StatusInternalServerError:
		h.answers.drop(q.key) // The bot has something else by now, that is not kept.
	}
	return nil, false, errors.Join(err, c.release())
}

// conditional is the request as the bot gets it: where the answer that is kept can be asked about, it is (RFC 9111,
// section 4.3.1).
func (q *request) conditional() (ask *http.Request, is bool) {
	if q.found == nil || q.Method != http.MethodGet || !validator(q.found.header) {
		return q.Request, false
	}
	ask = q.Clone(q.Context())
	for _, name := range []string{"If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since"} {
		ask.Header.Del(name)
	}
	if tag := q.found.header.Get("Etag"); tag != "" {
		ask.Header.Set("If-None-Match", tag)
	}
	if modified := q.found.header.Get("Last-Modified"); modified != "" {
		ask.Header.Set("If-Modified-Since", modified)
	}
	return ask, true
}

// renew keeps what the bot says is still good, for as long as it says now.
func (h *Handler) renew(q *request, c *capture, headers http.Header, asked time.Time) *answer {
	a := q.found.renewed(c.own, asked.Add(-ageOf(c.header)))
	life, ok := h.policy().judge(q.Method, q.credentials, a.status, a.header)
	if a.lifetimes = life; ok {
		h.answers.keep(q.key, headers, a)
	} else {
		h.answers.drop(q.key)
	}
	return a
}

// policy is what the options say of answers.
func (h *Handler) policy() policy {
	return policy{
		lifetimes{time.Duration(h.TTL), time.Duration(h.StaleWhileRevalidate), time.Duration(h.StaleIfError)}, h.PerCaller, h.Shared,
	}
}

// hit is what the header Cache-Status says of an answer that stays fresh for so long (RFC 9211).
func hit(left time.Duration) string {
	return fmt.Sprintf("botgate; hit; ttl=%d", int64(left/time.Second))
}

// stale is the same of one that is not fresh any more.
func stale(by time.Duration, why string) string {
	return fmt.Sprintf("botgate; hit; ttl=-%d; detail=%s", int64(by/time.Second), why)
}

// missed is the same of the bot's own answer.
func (q *request) missed() string {
	if q.found != nil {
		return "botgate; fwd=stale"
	}
	return "botgate; fwd=uri-miss"
}

// nowhere is where an answer goes that no client waits for.
type nowhere struct{}

// Header implements [http.ResponseWriter].
func (nowhere) Header() http.Header { return http.Header{} }

// Write implements [http.ResponseWriter].
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements [http.ResponseWriter].
func (nowhere) WriteHeader(int) {}

// FlushError is for [http.ResponseController].
func (nowhere) FlushError() error { return nil }
