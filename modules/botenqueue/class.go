package botenqueue

import (
	"net/http"

	"github.com/botgate/botgate/internal/problem"
)

// headerClass is where an API client says what class its event is of: [classBulk], or classReply, as is all else.
const headerClass = "Botgate-Class"

const (
	classReply = "reply"
	classBulk  = "bulk"
)

// isBulk reports whether the sender says that its event may wait for others of its bot.
func isBulk(r *http.Request) (bool, *problem.Problem) {
	given := r.Header.Values(headerClass)
	switch {
	case len(given) == 0 || len(given) == 1 && given[0] == classReply:
		return false, nil
	case len(given) == 1 && given[0] == classBulk:
		return true, nil
	}
	return false, problem.Malformed.WithDetail("The header %s must be %s or %s, and be there once.", headerClass, classReply, classBulk)
}
