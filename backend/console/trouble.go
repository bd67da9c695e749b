package console

import (
	"encoding/json"
	"net/http"

	"github.com/botgate/botgate/internal/problem"
)

// trouble is why there is no page, and what to do about it.
type trouble struct {
	Status int
	Title  string
	// Detail explains, and Todo says what helps; each may be empty.
	Detail, Todo string
	// Again is an address that may work; empty for none.
	Again string
}

// Error implements error.
func (t *trouble) Error() string { return t.Title }

var (
	errNoPage = &trouble{
		Status: http.StatusNotFound, Title: "There is no such page",
		Todo: "The bar above has the pages that there are.",
	}
	errCrossOrigin = &trouble{
		Status: http.StatusForbidden, Title: "Another site sent this",
		Detail: "Nothing was changed. What changes something has to come from a page of this console.",
	}
	errInternal = &trouble{
		Status: http.StatusInternalServerError, Title: "The page can't be shown",
		Detail: "The log of the backend says why, at the request id below.",
	}
)

// troubleOf is what the API refused.
func troubleOf(status int, body []byte) *trouble {
	var p problem.Problem
	_ = json.Unmarshal(body, &p) // Without a problem there is the status.
	t := &trouble{Status: status, Title: p.Title, Detail: p.Detail}
	if t.Title == "" {
		t.Title = http.StatusText(status)
	}
	switch {
	case status == http.StatusServiceUnavailable:
		t.Todo = "The database or the queue does not answer. /readyz of the backend says which. Try again in a moment."
	case status == http.StatusNotFound:
		t.Todo = "It may be older than what is kept, belong to another bot than yours, or have been recorded on another installation."
	case status == http.StatusBadRequest:
		t.Todo = "Change the filter in the address, or begin anew with the bar above."
	case status >= http.StatusInternalServerError:
		t.Todo = errInternal.Detail
	}
	return t
}

// missingScope says what a visitor lacks.
func (v *visit) missingScope(scope string) *trouble {
	return &trouble{
		Status: http.StatusForbidden, Title: "You may not see this",
		Detail: "It needs the scope " + scope + "; you signed in as " + roleOf(v.session.Scopes) + ".",
		Todo:   "Sign in with a token that has it: botgate console-link --role " + roleWith(scope) + ".",
	}
}

// roleWith is the least role that has the scope.
func roleWith(scope string) string {
	if scope == scopeLink || scope == scopeRead {
		return "viewer"
	}
	if scope == scopeAct {
		return "operator"
	}
	return "admin"
}
