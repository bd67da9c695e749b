package console

import (
	"crypto/rand"
	"net/http"
	"net/url"
)

// erasePage asks whether a user is to be erased.
type erasePage struct {
	User, Back, Action string
	Events             string
	Why                string
	// Key makes repeats of the form the same job.
	Key string
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
		User: visible(user), Back: userAddress(user), Action: userAddress(user) + "/erase", Events: count(int(events), "event", "events"), Why: v.why(scopeAdmin), Key: rand.Text(),
	})
}

// eraseUser has a user erased whose name was typed, and shows the job that does it.
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
	var made jobView
	a := call{method: http.MethodDelete, path: "/v1/users/" + url.PathEscape(user) + "/data", later: true, key: form.Get("key")}
	if err := v.ask(a, &made); err != nil {
		return err
	}
	v.redirect(jobsPath + "/" + made.ID)
	return nil
}
