package botenqueue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/preference"
	"github.com/botgate/botgate/modules/internal/payload"
)

const (
	// maxPreferWait is the longest wait that the API takes.
	maxPreferWait = 30 * time.Second
	// preferMargin is how long the bot's answer may be on its way, beside the wait for it.
	preferMargin = 2 * time.Second
	// warnEvery keeps an API that is away from filling the log.
	warnEvery = time.Minute
)

// answerHeaders are those of the API's answer that the client gets: what the bot said of its body, and what keeps that
// from being a page of the gateway's address.
var answerHeaders = []string{
	"Content-Type", "Content-Encoding", "Content-Disposition", "Content-Security-Policy", "X-Content-Type-Options",
	"Botgate-Answer-Truncated",
}

// unfitHeaders are about the client's own request.
var unfitHeaders = []string{
	"Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Expect", "Idempotency-Key", "Prefer",
	"If-Match", "If-None-Match", "Range",
}

// errAnswerTooLong means that what was asked for the bot's answer did not keep to its bound.
var errAnswerTooLong = errors.New("the answer is too long")

// preferredWait reads how long a client wants to wait, in whole seconds (RFC 7240, section 4.3): at most longest, and 0
// for not at all. What can't be read is ignored, as section 2 has it.
func preferredWait(header http.Header, longest time.Duration) time.Duration {
	value, _ := preference.Value(header, "wait")
	seconds, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, longest)
}

// replyByBot answers an API client with what the bot answers, where the client wants to wait for that and it comes in
// time. It returns false where it answered nothing.
func (h *Handler) replyByBot(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, in intake, done outcome) bool {
	wait := preferredWait(r.Header, time.Duration(h.PreferWait))
	if wait == 0 || in.sender != "" {
		return false
	}
	payload.Release(r) // The queue has the body; others need its room meanwhile.
	answer, err := askForAnswer(r, next, done.answer.Location, wait)
	switch {
	case err != nil && r.Context().Err() == nil:
		answersTotal.WithLabelValues(answerFailed).Inc()
		h.warnings.Do(func() {
			h.logger.Warn("the bot's answer can't be asked for: prefer_wait needs bot_api behind bot_enqueue, and the API to answer",
				slog.Any("error", err))
		})
		return false
	case answer.status != http.StatusOK:
		answersTotal.WithLabelValues(answerNone).Inc()
		return false
	}
	answersTotal.WithLabelValues(answerGiven).Inc()
	for _, name := range answerHeaders {
		if values := answer.header[name]; len(values) > 0 {
			w.Header()[name] = values
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Preference-Applied", fmt.Sprintf("wait=%d", int(wait.Seconds())))
	describeReply(w, in, done, answer.body.Bytes())
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(answer.body.Bytes()) // The client may be gone; then nobody reads the answer.
	return true
}

// askForAnswer asks the handlers behind this one for the bot's answer to the event at an address. What they say with
// another status than 200 is for nobody.
func askForAnswer(r *http.Request, next caddyhttp.Handler, location string, wait time.Duration) (answer *keptAnswer, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), wait+preferMargin)
	defer cancel()
	asked := r.Clone(ctx)
	asked.Method, asked.Body, asked.ContentLength, asked.TransferEncoding = http.MethodGet, http.NoBody, 0, nil
	asked.URL = &url.URL{Path: location + "/answer", RawQuery: url.Values{"wait": {wait.String()}}.Encode()}
	asked.RequestURI = asked.URL.RequestURI()
	for _, name := range unfitHeaders {
		asked.Header.Del(name)
	}
	answer = &keptAnswer{header: http.Header{}}
	defer func() {
		// The end of the time may have broken it off, which is not to break off this answer.
		if p := recover(); p == http.ErrAbortHandler && r.Context().Err() == nil { //nolint:errorlint // As it is thrown.
			err = http.ErrAbortHandler
		} else if p != nil {
			panic(p)
		}
	}()
	if err = next.ServeHTTP(answer, asked); err == nil && (answer.status == 0 || answer.status >= http.StatusInternalServerError) {
		err = fmt.Errorf("answered with status %d", answer.status)
	}
	return answer, err
}

// keptAnswer is a [http.ResponseWriter] that keeps the answer.
type keptAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (a *keptAnswer) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *keptAnswer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
}

// Write implements [http.ResponseWriter].
func (a *keptAnswer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.body.Len()+len(p) > event.MaxAnswer {
		a.status = http.StatusBadGateway
		return 0, errAnswerTooLong
	}
	return a.body.Write(p)
}

// Flush implements [http.Flusher]: nothing is to go on before it is whole.
func (*keptAnswer) Flush() {}
