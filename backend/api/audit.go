package api

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/botgate/botgate/backend/audit"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/requestid"
)

// Audit keeps who changed what.
type Audit interface {
	Append(ctx context.Context, e audit.Entry) error
	List(ctx context.Context, q audit.Query) ([]audit.Entry, error)
}

const (
	// maxTarget bounds the target of an entry.
	maxTarget = 1000
	// outcomeTimeout bounds the writing of an outcome, which goes on without the client.
	outcomeTimeout = 5 * time.Second
)

// audited reports whether a route changes something for an operator. Sessions are the bots' own, and written with each
// event; so are receipts.
func (r route) audited() bool {
	method, path, _ := strings.Cut(r.pattern, " ")
	isOwn := strings.HasPrefix(path, "/v1/sessions/") || path == "/v1/bots/{bot}/receive" || path == "/v1/bots/{bot}/settle"
	return method != http.MethodGet && !isOwn
}

// audited has an endpoint answer only what is in the audit. An error has no answer yet, so it becomes a problem here.
func (a *API) audited(action string, answer endpoint) endpoint {
	return func(w *response, r *http.Request, c caller) error {
		e := audit.Entry{
			Phase: audit.Asked, RequestID: w.Header().Get(requestid.Header), By: c.user, Bot: c.bot, Action: action, Target: target(r),
			Issuer: c.issuer, Session: c.session, Address: c.address,
		}
		if err := a.cfg.Audit.Append(r.Context(), e); err != nil {
			return a.withoutAudit(r, err)
		}
		var refused error
		if err := answer(w, r, c); err != nil && !w.begun {
			p := a.problem(r, err)
			e.Status, refused = p.Status, p
		} else {
			e.Status, refused = w.status, err
		}
		e.Phase, e.Job = audit.Answered, strings.TrimPrefix(w.Header().Get("Location"), "/v1/jobs/")
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), outcomeTimeout)
		defer cancel()
		if err := a.cfg.Audit.Append(ctx, e); err != nil {
			a.cfg.Logger.ErrorContext(ctx, "the audit lacks the outcome of a change", "action", action, "status", e.Status, "error", err)
		}
		a.cfg.Logger.InfoContext(ctx, "change through the API", "action", action, "target", e.Target, "by", c.user, "status", e.Status)
		return refused
	}
}

// withoutAudit is why a change is refused that can't be written down. Reading may still work: the audit is in the first
// of several databases.
func (a *API) withoutAudit(r *http.Request, err error) error {
	p := a.problem(r, err)
	if p.Status != http.StatusServiceUnavailable {
		return err
	}
	return p.WithDetail("Nothing was changed: the audit, which has who changes what, can't be written at present.")
}

// target is the path of a request with its query, with hashes in the place of users' names: an erased user is not to be
// found there.
func target(r *http.Request) string {
	path, query := r.URL.EscapedPath(), r.URL.Query()
	if user := r.PathValue("user"); user != "" {
		path = strings.Replace(r.Pattern[strings.Index(r.Pattern, "/"):], "{user}", hashOf(user), 1)
	}
	for _, name := range []string{"user", "key"} { // The key of a limit may be a user.
		if users := query[name]; len(users) > 0 {
			query.Set(name, hashOf(users[0]))
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path[:min(len(path), maxTarget)]
}

func hashOf(user string) string {
	return hex.EncodeToString(store.HashSubject(event.NameOf(user)))
}

type auditPageView struct {
	Entries    []audit.Entry `json:"entries"`
	NextCursor string        `json:"next_cursor,omitempty"`
}

// listAudit answers GET /v1/audit, newest first.
func (a *API) listAudit(w *response, r *http.Request, c caller) error {
	q := audit.Query{Limit: defaultLimit}
	err := parameters{
		"by": name(&q.By), "bot": text(&q.Bot), "action": text(&q.Action), "from": timeOrAge(&q.From), "to": timeOrAge(&q.To),
		"limit": limit(&q.Limit, store.MaxLimit), "cursor": cursor(&q.After),
	}.read(r)
	if err != nil {
		return err
	}
	if err := c.restrict(&q.Bot); err != nil {
		return err
	}
	q.Limit++ // One more tells that there is a next page.
	entries, err := a.cfg.Audit.List(r.Context(), q)
	if err != nil {
		return fmt.Errorf("listing the audit: %w", err)
	}
	page := auditPageView{Entries: append([]audit.Entry{}, entries...)}
	if len(entries) == q.Limit {
		page.Entries = page.Entries[:q.Limit-1]
		page.NextCursor = entries[q.Limit-2].Position().Cursor()
	}
	return w.send(http.StatusOK, page)
}
