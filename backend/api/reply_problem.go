package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/audit"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/pause"
	"github.com/botgate/botgate/backend/refusal"
	"github.com/botgate/botgate/backend/schedule"
	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/queue"
)

// retryAfter is when a client may try again what failed for want of a database or of room.
const retryAfter = 2 * time.Second

var (
	unknownDeadLetter = problem.New(http.StatusNotFound, "unknown-dead-letter", "There is no such dead letter.")
	notFound          = problem.New(http.StatusNotFound, "not-found", "There is nothing at this path.")
	unknownEvent      = problem.New(http.StatusNotFound, "unknown-event", "There is no such event.")
	notScheduled      = problem.New(http.StatusConflict, "not-scheduled", "The event does not wait for its time: it never did, or that has come.")
	unknownUser       = problem.New(http.StatusNotFound, "unknown-user", "There are no events of this user.")
	unknownSession    = problem.New(http.StatusNotFound, "unknown-session", "There is no such session, or no longer.")
	crossOrigin       = problem.New(http.StatusForbidden, "cross-origin", "A page of another origin may not do this.")
	otherBot          = botclaim.OtherBot
	sessionBusy       = problem.New(http.StatusConflict, "session-busy", "Too many requests write this session at once.").WithRetryAfter(time.Second)
	conditionFailed   = problem.New(http.StatusPreconditionFailed, "condition-failed", "The session is not as If-Match or If-None-Match says.")
	busy              = problem.New(http.StatusServiceUnavailable, "busy", "Too many requests are being held open.").WithRetryAfter(retryAfter)
	unknownJob        = problem.New(http.StatusNotFound, "unknown-job", "There is no such job, or no longer.")
	noResult          = problem.New(http.StatusNotFound, "no-result", "The job has no file, not yet, or no longer.")
	jobOver           = problem.New(http.StatusConflict, "job-over", "The job is over and can't be cancelled.")
	unfitJob          = problem.New(http.StatusUnprocessableEntity, "unfit-job", "There is no such job to be done.")
	internal          = problem.New(http.StatusInternalServerError, "internal", "The request failed.")
	unavailable       = problem.New(http.StatusServiceUnavailable, "unavailable", "The service is unavailable.").WithRetryAfter(retryAfter)
)

// Unavailable answers for an API that is not ready yet, or closed.
func Unavailable(w http.ResponseWriter) { _ = unavailable.Write(w) }

// known are the errors that are the client's to correct.
var known = []struct {
	err    error
	answer *problem.Problem
}{
	{store.ErrNotFound, unknownEvent},
	{schedule.ErrNotScheduled, notScheduled},
	{session.ErrNotFound, unknownSession},
	{session.ErrCondition, conditionFailed},
	{session.ErrBusy, sessionBusy},
	{session.ErrTooDeep, problem.TooComplex.WithDetail("A session may have %d levels.", session.MaxDepth)},
	{session.ErrDocument, problem.Malformed.WithDetail("The body must be a JSON object, without members that occur twice.")},
	{session.ErrKey, problem.Malformed.WithDetail("The names of bot and user must be text as events have it.")},
	{job.ErrForbidden, otherBot.WithDetail("Such a job is for those who may see all bots.")},
	{job.ErrNotFound, unknownJob},
	{job.ErrFinished, jobOver},
	{job.ErrKeyReused, problem.IdempotencyMismatch},
	{job.ErrNoFile, noResult},
}

// problem chooses the answer to an error. Errors that clients must not see are logged.
func (a *API) problem(r *http.Request, err error) *problem.Problem {
	if p := (*problem.Problem)(nil); errors.As(err, &p) {
		return p
	}
	if bad := (*job.ParameterError)(nil); errors.As(err, &bad) {
		return unfitJob.WithDetail("%s", bad.Detail)
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return k.answer
		}
	}
	switch {
	case errors.Is(err, session.ErrTooLarge):
		return problem.TooLarge.WithDetail("A session may have %d bytes.", a.cfg.Sessions.MaxSize())
	case errors.Is(err, session.ErrTTL):
		return problem.Malformed.WithDetail("The parameter ttl must be from %s to %s.", session.MinTTL, a.cfg.Sessions.MaxTTL())
	case r.Context().Err() != nil:
		return unavailable // The client is gone, or the time is over.
	case isAny(err, store.ErrUnavailable, session.ErrUnavailable, job.ErrUnavailable, audit.ErrUnavailable, refusal.ErrUnavailable, pause.ErrUnavailable, context.DeadlineExceeded, context.Canceled):
		a.cfg.Logger.DebugContext(r.Context(), "database unavailable", "error", err) // The health check warns, once.
		return unavailable
	case isAny(err, queue.ErrUnavailable, queue.ErrUnconfirmed, queue.ErrClosed):
		a.cfg.Logger.WarnContext(r.Context(), "queue unavailable", "error", err)
		return unavailable
	}
	a.cfg.Logger.ErrorContext(r.Context(), "query failed", "error", err)
	return internal
}

func isAny(err error, causes ...error) bool {
	return slices.ContainsFunc(causes, func(cause error) bool { return errors.Is(err, cause) })
}
