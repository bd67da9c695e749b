package console

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// eventID is the form of an event's id.
var eventID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// find goes to what is searched for: an event by its id, or those whose id or user begins with it; "bot:demo" and
// "type:command" are those of a bot and of a type.
func (c *Console) find(v *visit) error {
	q := strings.TrimSpace(v.r.URL.Query().Get("q"))
	name, value, named := strings.Cut(q, ":")
	switch {
	case q == "":
		v.redirect(eventsPath)
	case eventID.MatchString(q):
		v.redirect(eventsPath + "/" + strings.ToLower(q))
	case named && (name == "bot" || name == "user" || name == "type" || name == "status"):
		v.redirect(eventsPath + "?" + url.Values{name: {strings.TrimSpace(value)}}.Encode())
	case len(q) > 1024:
		return &trouble{Status: http.StatusBadRequest, Title: "This is too long to be found", Again: eventsPath}
	default:
		v.redirect(eventsPath + "?" + url.Values{"q": {q}}.Encode())
	}
	return nil
}
