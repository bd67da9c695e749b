package botjwt

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// lookEvery is how often the token of a request that is still under way is looked at: an answer ends so long after its
// token at most, and after it is known here that the token was revoked. Most requests are over before the first look.
const lookEvery = time.Second

// writeLeft is how long a client may take to read what is on its way when its answer is ended.
const writeLeft = 5 * time.Second

// ending is the writer of an answer that ends with its token: a stream, a request that waits for something, a WebSocket.
// What has an end of its own goes on: a request that changes something until its answer begins, and an answer whose
// length is announced.
type ending struct {
	caddyhttp.ResponseWriterWrapper
	handler *Handler
	claims  *tokenClaims
	// ctx is the request's context, and cancel ends it, and by that what produces the answer.
	ctx    context.Context
	cancel context.CancelFunc
	// reads: the request changes nothing, so that it may be refused after the handlers that follow have begun.
	reads bool

	mu sync.Mutex
	// timer looks at the token; nil before the answer can end with it.
	timer *time.Timer
	// why the answer is ended; empty while it is not.
	why reason
	// begun: the client has the answer's status; bounded: and its length; events: it is a stream of them.
	begun, bounded, events bool
	over                   bool
}

// serve has the request answered for as long as its token is good.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, claims *tokenClaims, in string, next caddyhttp.Handler) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	e := &ending{
		ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w},
		handler:               h, claims: claims, ctx: ctx, cancel: cancel,
		reads: r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions,
	}
	if e.reads {
		e.start()
	}
	err := e.answer(r.WithContext(ctx), next)
	if e.why == "" {
		return err
	}
	endedTotal.WithLabelValues(string(e.why)).Inc()
	if e.begun {
		return nil
	}
	for _, header := range []string{"Content-Length", "Content-Encoding", "Content-Range", "Etag", "Last-Modified", "Trailer"} {
		w.Header().Del(header) // An answer that came too late left them.
	}
	return h.refuse(w, r, e.why, in, cmp.Or(h.challenges[e.why], h.challenges[reasonMalformed]))
}

// stillGood is about time and revocation only: all else was found out.
func (h *Handler) stillGood(ctx context.Context, claims *tokenClaims) error {
	if !claims.expires.IsZero() && !time.Now().Before(claims.expires) {
		return reasonExpired
	}
	if h.revoked == nil {
		return nil
	}
	return h.checkRevocation(ctx, claims)
}

// start has the token looked at from here on.
func (e *ending) start() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watch()
}

// watch is [ending.start] under the lock.
func (e *ending) watch() {
	if e.timer == nil && !e.over {
		e.timer = time.AfterFunc(lookEvery, e.look)
	}
}

// look ends the answer when its token is good no longer.
func (e *ending) look() {
	err, why := e.handler.stillGood(e.ctx, e.claims), reasonBadClaims
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.over || e.bounded:
	case err == nil || !errors.As(err, &why):
		e.timer.Reset(lookEvery)
	default:
		e.why = why
		e.cancel()
		// Who reads nothing holds the answer up no longer than this.
		_ = http.NewResponseController(e.ResponseWriter).SetWriteDeadline(time.Now().Add(writeLeft))
	}
}

// answer runs the handlers that follow. One that broke off because its answer was ended is not to look to the client
// like a connection that broke, where the answer is a stream of events: such a stream has no other end. All else is
// broken off, so that nobody takes a part for the whole.
func (e *ending) answer(r *http.Request, next caddyhttp.Handler) (err error) {
	defer func() {
		if !e.stop() {
			return
		}
		_ = http.NewResponseController(e.ResponseWriter).SetWriteDeadline(time.Time{}) // The next request has its own.
		thrown := recover()
		switch {
		case thrown != nil && thrown != http.ErrAbortHandler: //nolint:errorlint // It is thrown as it is.
			panic(thrown)
		case e.begun && !e.events:
			panic(http.ErrAbortHandler)
		}
	}()
	return next.ServeHTTP(e, r)
}

// stop has no look follow, and reports whether the answer was ended.
func (e *ending) stop() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	if e.timer != nil {
		e.timer.Stop()
	}
	return e.why != ""
}

// begin notes that an answer begins, and reports whether it may: in place of one that was ended before, the client gets
// a refusal. What changes something is watched from here on, where its answer has no length.
func (e *ending) begin(status int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.begun || e.why != "" {
		return e.begun
	}
	header := e.Header()
	e.begun, e.events = true, strings.HasPrefix(header.Get("Content-Type"), "text/event-stream")
	e.bounded = header.Get("Content-Length") != "" || status == http.StatusNoContent || status == http.StatusNotModified
	if !e.bounded {
		e.watch()
	}
	return true
}

// WriteHeader implements [http.ResponseWriter].
func (e *ending) WriteHeader(status int) {
	informs := status < http.StatusOK && status != http.StatusSwitchingProtocols
	if informs || e.begin(status) {
		e.ResponseWriterWrapper.WriteHeader(status)
	}
}

// Write implements [http.ResponseWriter].
func (e *ending) Write(b []byte) (int, error) {
	if !e.begin(http.StatusOK) {
		return 0, context.Canceled
	}
	return e.ResponseWriterWrapper.Write(b)
}

// ReadFrom implements [io.ReaderFrom].
func (e *ending) ReadFrom(r io.Reader) (int64, error) {
	if !e.begin(http.StatusOK) {
		return 0, context.Canceled
	}
	return e.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError is what [http.ResponseController] asks for.
func (e *ending) FlushError() error {
	if !e.begin(http.StatusOK) {
		return context.Canceled
	}
	return http.NewResponseController(e.ResponseWriter).Flush()
}
