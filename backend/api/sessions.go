package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/botgate/botgate/backend/session"
)

// Sessions is what the API asks of the sessions of bots.
type Sessions interface {
	Get(ctx context.Context, key session.Key) (*session.Session, error)
	Put(ctx context.Context, key session.Key, document []byte, ttl time.Duration, when session.Condition) (s *session.Session, created bool, err error)
	Patch(ctx context.Context, key session.Key, patch []byte, ttl time.Duration, when session.Condition) (s *session.Session, created bool, err error)
	Delete(ctx context.Context, key session.Key, when session.Condition) error
	// MaxSize bounds a document, in bytes.
	MaxSize() int
	// MaxTTL is the longest time to live.
	MaxTTL() time.Duration
}

const (
	documentType = "application/json"
	patchType    = "application/merge-patch+json"

	sessionMethods = "DELETE, GET, HEAD, PATCH, PUT"

	// expiresHeader says when the session ends.
	expiresHeader = "Botgate-Session-Expires"
)

// sessionReply is what a request about a session is answered with.
type sessionReply struct {
	status int
	// session gives the headers, unless it is nil.
	session *session.Session
	// body tells to send the document.
	body bool
}

// sessions answers /v1/sessions/{bot}/{user}.
func (a *api) sessions() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		ctx, cancel := context.WithTimeout(r.Context(), a.cfg.Timeout)
		defer cancel()
		code := a.answerSession(w, r.WithContext(ctx))
		a.metrics.observe("session", code, time.Since(started))
	})
}

func (a *api) answerSession(w http.ResponseWriter, r *http.Request) int {
	var do func(http.ResponseWriter, *http.Request, session.Key) (sessionReply, error)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		do = a.getSession
	case http.MethodPut:
		do = a.putSession
	case http.MethodPatch:
		do = a.patchSession
	case http.MethodDelete:
		do = a.deleteSession
	default:
		return methodNotAllowed.with("Allow", sessionMethods).write(w)
	}
	key := session.Key{Bot: r.PathValue("bot"), User: r.PathValue("user")}
	c, err := callerOf(r.Header)
	switch {
	case a.origins.Check(r) != nil:
		return crossOrigin.write(w)
	case err != nil, !c.may(key.Bot):
		return otherBot.write(w)
	}
	reply, err := do(w, r, key)
	if err != nil {
		return a.problem(r, err).write(w)
	}
	return reply.write(w)
}

func (a *api) getSession(_ http.ResponseWriter, r *http.Request, key session.Key) (sessionReply, error) {
	if r.URL.RawQuery != "" {
		return sessionReply{}, malformed.because("There are no parameters here.")
	}
	s, err := a.cfg.Sessions.Get(r.Context(), key)
	if err != nil {
		return sessionReply{}, err
	}
	if matchesAny(r.Header.Values("If-None-Match"), s.Version) {
		return sessionReply{status: http.StatusNotModified, session: s}, nil
	}
	return sessionReply{status: http.StatusOK, session: s, body: true}, nil
}

func (a *api) putSession(w http.ResponseWriter, r *http.Request, key session.Key) (sessionReply, error) {
	return a.writeSession(w, r, key, documentType, a.cfg.Sessions.Put, sessionReply{status: http.StatusNoContent})
}

// patchSession answers with the document, of which the caller knows a part only.
func (a *api) patchSession(w http.ResponseWriter, r *http.Request, key session.Key) (sessionReply, error) {
	return a.writeSession(w, r, key, patchType, a.cfg.Sessions.Patch, sessionReply{status: http.StatusOK, body: true})
}

type writeSession func(ctx context.Context, key session.Key, body []byte, ttl time.Duration, when session.Condition) (s *session.Session, created bool, err error)

func (a *api) writeSession(w http.ResponseWriter, r *http.Request, key session.Key, contentType string, write writeSession, reply sessionReply) (sessionReply, error) {
	ttl, err := timeToLive(r.URL.RawQuery)
	if err != nil {
		return reply, err
	}
	when, err := condition(r.Header)
	if err != nil {
		return reply, err
	}
	body, err := a.sessionBody(w, r, contentType)
	if err != nil {
		return reply, err
	}
	var created bool
	if reply.session, created, err = write(r.Context(), key, body, ttl, when); created {
		reply.status = http.StatusCreated
	}
	return reply, err
}

func (a *api) deleteSession(_ http.ResponseWriter, r *http.Request, key session.Key) (sessionReply, error) {
	if r.URL.RawQuery != "" {
		return sessionReply{}, malformed.because("There are no parameters here.")
	}
	when, err := condition(r.Header)
	if err != nil {
		return sessionReply{}, err
	}
	return sessionReply{status: http.StatusNoContent}, a.cfg.Sessions.Delete(r.Context(), key, when)
}

// write answers and returns the status.
func (s sessionReply) write(w http.ResponseWriter) int {
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	if s.session != nil {
		h.Set("ETag", `"`+s.session.Version+`"`)
		h.Set(expiresHeader, s.session.ExpiresAt.UTC().Format(time.RFC3339))
	}
	if !s.body {
		w.WriteHeader(s.status)
		return s.status
	}
	h.Set("Content-Type", documentType)
	h.Set("Content-Length", strconv.Itoa(len(s.session.Data)))
	w.WriteHeader(s.status)
	// The client may be gone; there is nobody left to tell.
	_, _ = w.Write(s.session.Data)
	return s.status
}

func (a *api) sessionBody(w http.ResponseWriter, r *http.Request, contentType string) ([]byte, error) {
	given, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || given != contentType {
		return nil, unsupportedType.because("Send " + contentType + ".")
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, unsupportedType.with("Accept-Encoding", "identity").because("Send the body without a Content-Encoding.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(a.cfg.Sessions.MaxSize())))
	if tooMuch := (*http.MaxBytesError)(nil); errors.As(err, &tooMuch) {
		return nil, session.ErrTooLarge
	}
	if err != nil {
		return nil, malformed.because("The body could not be read.")
	}
	return body, nil
}

func timeToLive(query string) (time.Duration, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return 0, malformed.because("The query can't be read.")
	}
	for name, given := range values {
		if name != "ttl" || len(given) != 1 {
			return 0, malformed.because("The only parameter is ttl, given once.")
		}
		ttl, err := time.ParseDuration(given[0])
		if err != nil {
			return 0, malformed.because("The parameter ttl must be a duration like 90s, 15m or 24h.")
		}
		if ttl <= 0 {
			return 0, session.ErrTTL
		}
		return ttl, nil
	}
	return 0, nil
}

// sessionProblem chooses the answer to what is wrong with a request about a session; nil
// for other errors.
func (a *api) sessionProblem(err error) *problem {
	switch {
	case errors.Is(err, session.ErrNotFound):
		return unknownSession
	case errors.Is(err, session.ErrCondition):
		return conditionFailed
	case errors.Is(err, session.ErrBusy):
		return sessionBusy
	case errors.Is(err, session.ErrTooLarge):
		return tooLarge.because(fmt.Sprintf("A session may have %d bytes.", a.cfg.Sessions.MaxSize()))
	case errors.Is(err, session.ErrTooDeep):
		return tooComplex.because(fmt.Sprintf("A session may have %d levels.", session.MaxDepth))
	case errors.Is(err, session.ErrDocument):
		return malformed.because("The body must be a JSON object, without members that occur twice.")
	case errors.Is(err, session.ErrKey):
		return malformed.because("The names of bot and user must be text as events have it.")
	case errors.Is(err, session.ErrTTL):
		return malformed.because(fmt.Sprintf("The parameter ttl must be from %s to %s.", session.MinTTL, a.cfg.Sessions.MaxTTL()))
	}
	return nil
}
