package api

import (
	"encoding/json"
	"net/http"
)

// problem is a refusal in the form of RFC 9457. It is an error, so that what reads a
// request can say what is wrong with it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`

	header, value string
}

var (
	unknownDeadLetter = newProblem(http.StatusNotFound, "unknown-dead-letter", "There is no such dead letter.")
	malformed         = newProblem(http.StatusBadRequest, "malformed", "The request is malformed.")
	notFound          = newProblem(http.StatusNotFound, "not-found", "There is nothing at this path.")
	unknownEvent      = newProblem(http.StatusNotFound, "unknown-event", "There is no such event.")
	unknownUser       = newProblem(http.StatusNotFound, "unknown-user", "There are no events of this user.")
	unknownBot        = newProblem(http.StatusNotFound, "unknown-bot", "There is no such bot.")
	unknownSession    = newProblem(http.StatusNotFound, "unknown-session", "There is no such session, or no longer.")
	methodNotAllowed  = newProblem(http.StatusMethodNotAllowed, "method-not-allowed", "The method is not allowed here.")
	crossOrigin       = newProblem(http.StatusForbidden, "cross-origin", "A page of another origin may not do this.")
	otherBot          = newProblem(http.StatusForbidden, "other-bot", "The token is for another bot.")
	sessionBusy       = newProblem(http.StatusConflict, "session-busy", "Too many requests write this session at once.").with("Retry-After", "1")
	conditionFailed   = newProblem(http.StatusPreconditionFailed, "condition-failed", "The session is not as If-Match or If-None-Match says.")
	tooLarge          = newProblem(http.StatusRequestEntityTooLarge, "too-large", "The document is, or would become, too large.")
	unsupportedType   = newProblem(http.StatusUnsupportedMediaType, "unsupported-type", "The body has a type that is not taken here.")
	tooComplex        = newProblem(http.StatusUnprocessableEntity, "too-complex", "The document is nested too deeply.")
	notReplayable     = newProblem(http.StatusConflict, "not-replayable", "The dead letter is no event; it can only be dropped.")
	busy              = newProblem(http.StatusServiceUnavailable, "busy", "Too many requests are being held open.").with("Retry-After", "2")
	unknownJob        = newProblem(http.StatusNotFound, "unknown-job", "There is no such job, or no longer.")
	noResult          = newProblem(http.StatusNotFound, "no-result", "The job has no file, not yet, or no longer.")
	jobOver           = newProblem(http.StatusConflict, "job-over", "The job is over and can't be cancelled.")
	unfitJob          = newProblem(http.StatusUnprocessableEntity, "unfit-job", "There is no such job to be done.")
	keyReused         = newProblem(http.StatusUnprocessableEntity, "idempotency-mismatch", "The Idempotency-Key was used with another body.")
	internal          = newProblem(http.StatusInternalServerError, "internal", "The request failed.")
	unavailable       = newProblem(http.StatusServiceUnavailable, "unavailable", "The service can't answer at present.").with("Retry-After", "2")
)

func newProblem(status int, slug, title string) *problem {
	return &problem{Type: "urn:botgate:problem:" + slug, Title: title, Status: status}
}

func (p *problem) Error() string { return p.Title + " " + p.Detail }

// with returns a copy that is answered with one more header.
func (p problem) with(header, value string) *problem {
	p.header, p.value = header, value
	return &p
}

// because returns a copy that tells the caller what to correct.
func (p problem) because(detail string) *problem {
	p.Detail = detail
	return &p
}

// Unavailable answers for an API that is not there yet, or not any more.
func Unavailable(w http.ResponseWriter) { unavailable.write(w) }

// write answers with the problem and returns its status.
func (p *problem) write(w http.ResponseWriter) int {
	h := w.Header()
	if p.header != "" {
		h.Set(p.header, p.value)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	// The client may be gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(p)
	return p.Status
}
