package bottoken

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/crossorigin"
	"github.com/botgate/botgate/modules/internal/lockout"
)

// The outcomes of token requests, for metrics and the security log.
const (
	outcomeIssued         = "issued"
	outcomeMethod         = "method_not_allowed"
	outcomeType           = "unsupported_type"
	outcomeTooLarge       = "too_large"
	outcomeUnreadable     = "unreadable_body"
	outcomeMalformed      = "malformed"
	outcomeGrant          = "unsupported_grant"
	outcomeNoCredentials  = "no_credentials"
	outcomeBadCredentials = "bad_credentials"
	outcomeScope          = "invalid_scope"
	outcomeCrossOrigin    = "cross_origin"
	outcomeLockedOut      = "locked_out"
	outcomeBusy           = "busy"
)

// outcomes are all of them.
func outcomes() []string {
	return []string{
		outcomeIssued, outcomeMethod, outcomeType, outcomeTooLarge, outcomeUnreadable, outcomeMalformed, outcomeGrant,
		outcomeNoCredentials, outcomeBadCredentials, outcomeScope, outcomeCrossOrigin, outcomeLockedOut, outcomeBusy,
	}
}

// refusal is why no token is issued, and how that is answered.
type refusal struct {
	outcome string
	answer  interface {
		Write(w http.ResponseWriter) error
	}
}

// oauthError is an answer that OAuth defines (RFC 6749, section 5.2).
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// What can be wrong with a request. What HTTP has a status for is answered as everywhere
// in Botgate, and the rest as OAuth clients understand it.
var (
	wrongMethod    = &refusal{outcomeMethod, problem.MethodNotAllowed(http.MethodPost)}
	wrongType      = &refusal{outcomeType, problem.UnsupportedType.WithDetail("The body must be a form: %s.", formType)}
	crossOrigin    = &refusal{outcomeCrossOrigin, crossorigin.Problem}
	tooLarge       = &refusal{outcomeTooLarge, problem.TooLarge.WithDetail("At most %d bytes are read.", maxBody)}
	unreadable     = &refusal{outcomeUnreadable, problem.Malformed.WithDetail("The body ended too early.")}
	busy           = &refusal{outcomeBusy, tokensBusy.WithRetryAfter(maxWait)}
	noCredentials  = &refusal{outcomeNoCredentials, oauthError{"invalid_client", "Client id and secret are needed, as Basic credentials or in the form."}}
	badCredentials = &refusal{outcomeBadCredentials, oauthError{"invalid_client", "Client id or secret is wrong."}}
	badGrant       = &refusal{outcomeGrant, oauthError{"unsupported_grant_type", "The grant type must be client_credentials."}}
	badScope       = &refusal{outcomeScope, oauthError{"invalid_scope", "The client may not have such a scope."}}

	tokensBusy = problem.New(http.StatusServiceUnavailable, "tokens-busy", "Too many clients ask for tokens at present.")
)

func malformed(description string) *refusal {
	return &refusal{outcomeMalformed, oauthError{"invalid_request", description}}
}

func lockedOut(left time.Duration) *refusal {
	return &refusal{outcomeLockedOut, lockout.Problem(left)}
}

// Write answers with the error.
func (e oauthError) Write(w http.ResponseWriter) error {
	status := http.StatusBadRequest
	if e.Code == "invalid_client" {
		status = http.StatusUnauthorized
		// RFC 9110 wants it in every 401, however the client tried to authenticate.
		w.Header().Set("WWW-Authenticate", `Basic realm="botgate"`)
	}
	return writeJSON(w, status, e)
}

// writeJSON answers with what nobody may keep (RFC 6749, section 5.1).
func writeJSON(w http.ResponseWriter, status int, content any) error {
	body, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	w.WriteHeader(status)
	// The client may be gone; there is nobody left to tell.
	_, _ = w.Write(body)
	return nil
}
