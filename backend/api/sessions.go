package api

import (
	"context"
	"iter"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/session"
)

// Sessions is what the API asks of the sessions of bots.
type Sessions interface {
	Get(ctx context.Context, key session.Key) (*session.Session, error)
	Put(ctx context.Context, key session.Key, document []byte, ttl time.Duration, when session.Condition,
	) (s *session.Session, created bool, err error)
	Patch(ctx context.Context, key session.Key, patch []byte, ttl time.Duration, when session.Condition,
	) (s *session.Session, created bool, err error)
	Delete(ctx context.Context, key session.Key, when session.Condition) error
	// ListUser yields a user's sessions at all bots; its first error is the last value.
	ListUser(ctx context.Context, user string) iter.Seq2[*session.Session, error]
	DeleteUser(ctx context.Context, user string) error
	// MaxSize bounds a document, in bytes.
	MaxSize() int
	// MaxTTL is the longest time to live.
	MaxTTL() time.Duration
}

const (
	patchType = "application/merge-patch+json"
	// expiresHeader says when the session ends.
	expiresHeader = "Botgate-Session-Expires"
)

// sessionKey returns the session of a request, and reads its query. Unlike events, other bots' sessions are rejected
// even if there is none.
func sessionKey(r *http.Request, c caller, query parameters) (session.Key, error) {
	key := session.Key{Bot: r.PathValue("bot"), User: r.PathValue("user")}
	if !c.may(key.Bot) {
		return key, otherBot
	}
	return key, query.read(r)
}

// getSession answers GET /v1/sessions/{bot}/{user}.
func (a *API) getSession(w *response, r *http.Request, c caller) error {
	key, err := sessionKey(r, c, nil)
	if err != nil {
		return err
	}
	s, err := a.cfg.Sessions.Get(r.Context(), key)
	if err != nil {
		return err
	}
	setExpires(w, s)
	w.sendKept(r, s.Version, s.Data)
	return nil
}

// putSession answers PUT /v1/sessions/{bot}/{user}.
func (a *API) putSession(w *response, r *http.Request, c caller) error {
	s, status, err := a.writeSession(w, r, c, jsonType, a.cfg.Sessions.Put)
	if err != nil {
		return err
	}
	if status == http.StatusOK {
		status = http.StatusNoContent
	}
	setVersion(w, s)
	w.begin(status, "", revalidated)
	return nil
}

// patchSession answers PATCH /v1/sessions/{bot}/{user} with the document, of which the caller knows a part only.
func (a *API) patchSession(w *response, r *http.Request, c caller) error {
	s, status, err := a.writeSession(w, r, c, patchType, a.cfg.Sessions.Patch)
	if err != nil {
		return err
	}
	setVersion(w, s)
	w.sendBytes(status, revalidated, s.Data)
	return nil
}

// writeFunc is [Sessions.Put] or [Sessions.Patch].
type writeFunc func(
	ctx context.Context, key session.Key, body []byte, ttl time.Duration, when session.Condition,
) (s *session.Session, created bool, err error)

// writeSession returns the session as written, with status 201 if it is new and otherwise 200.
func (a *API) writeSession(
	w *response, r *http.Request, c caller, mediaType string, write writeFunc,
) (s *session.Session, status int, err error) {
	var ttl time.Duration
	key, err := sessionKey(r, c, parameters{"ttl": span(&ttl, a.cfg.Sessions.MaxTTL())})
	if err != nil {
		return nil, 0, err
	}
	when, err := condition(r.Header)
	if err != nil {
		return nil, 0, err
	}
	body, err := readBody(w, r, mediaType, a.cfg.Sessions.MaxSize())
	if err != nil {
		return nil, 0, err
	}
	status = http.StatusOK
	s, created, err := write(r.Context(), key, body, ttl, when)
	if created {
		status = http.StatusCreated
	}
	return s, status, err
}

// deleteSession answers DELETE /v1/sessions/{bot}/{user}.
func (a *API) deleteSession(w *response, r *http.Request, c caller) error {
	key, err := sessionKey(r, c, nil)
	if err != nil {
		return err
	}
	when, err := condition(r.Header)
	if err != nil {
		return err
	}
	if err := a.cfg.Sessions.Delete(r.Context(), key, when); err != nil {
		return err
	}
	w.begin(http.StatusNoContent, "", revalidated)
	return nil
}

func setVersion(w *response, s *session.Session) {
	w.Header().Set("ETag", `"`+s.Version+`"`)
	setExpires(w, s)
}

func setExpires(w *response, s *session.Session) {
	w.Header().Set(expiresHeader, s.ExpiresAt.UTC().Format(time.RFC3339))
}
