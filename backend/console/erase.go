package console

import (
	"net/http"
	"net/url"
)

// erasePage asks whether a user is to be erased, or says that they are.
type erasePage struct {
	User, Back, Action string
	Events             string
	Why                string
	// Done is how many events were erased; empty before.
	Done string
}

// confirmErase shows what would be erased.
func (c *Console) confirmErase(v *visit) error {
	user, u, a, err := v.readUser()
	if err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	var events int64
	for _, b := range u.Bots {
		events += b.Counts.Accepted
	}
	return v.render("erase", "Erase a user", erasePage{
		User: visible(user), Back: userAddress(user), Action: userAddress(user) + "/erase", Events: count(int(events), "event", "events"), Why: v.why(scopeAdmin),
	})
}

// eraseUser erases a user whose name was typed.
func (c *Console) eraseUser(v *visit) error {
	form, err := v.readForm(usersPath)
	if err != nil {
		return err
	}
	user := v.r.PathValue("user")
	if typed := form.Get("typed"); typed != user && typed != visible(user) {
		return &trouble{
			Status: http.StatusUnprocessableEntity, Title: "The name that was typed is another one", Detail: "Nothing was erased.",
			Again: userAddress(user) + "/erase",
		}
	}
	if err := v.refuse(scopeAdmin); err != nil {
		return err
	}
	var erased struct {
		Events int `json:"events"`
	}
	a := call{method: http.MethodDelete, path: "/v1/users/" + url.PathEscape(user) + "/data"}
	if err := v.ask(a, &erased); err != nil {
		return err
	}
	return v.render("erase", "Erased", erasePage{Back: usersPath, Done: count(erased.Events, "event", "events")})
}
