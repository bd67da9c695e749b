package api

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/botgate/botgate/internal/event"
)

// idIn is the id in the path. UUIDs may be in upper case (RFC 9562, section 4).
func idIn(r *http.Request) string {
	id := r.PathValue("id")
	if len(id) == len(uuid.Nil.String()) && uuid.Validate(id) == nil {
		return strings.ToLower(id)
	}
	return id
}

// userIn is the user in the path, by the name as it was given or as events have it. Without one there is no such user.
func userIn(r *http.Request) (string, error) {
	user := r.PathValue("user")
	if user == "" || !utf8.ValidString(user) {
		return "", unknownUser
	}
	return event.NameOf(user), nil
}
