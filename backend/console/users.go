package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const usersPath = Path + "/users"

const (
	// newestShown is how many of a user's events their page shows.
	newestShown = 10
	// sessionsShown is at how many bots the page looks for sessions.
	sessionsShown = 20
)

// userAddress is the page of a user. Paths can't have . and .. as a part: of such a user there are only the events.
func userAddress(user string) string {
	if user == "." || user == ".." {
		return eventsPath + "?" + url.Values{"user": {user}}.Encode()
	}
	return usersPath + "/" + url.PathEscape(user)
}

// userCall is a call about a user.
func userCall(user, rest string) call { return get("/v1/users/"+url.PathEscape(user)+rest, nil) }

// userRow is a user in a list.
type userRow struct{ Name, Address, Events string }

// usersPage is the users whose names begin alike.
type usersPage struct {
	Q, Bot       string
	Chips        []chip
	Rows         []userRow
	Plain        string
	First, Older string
}

// listUsers shows users by name.
func (c *Console) listUsers(v *visit) error {
	f, err := v.readFilter(usersPath, "q", "bot", "cursor")
	if err != nil {
		return err
	}
	var answer struct {
		Users []struct {
			User string `json:"user"`
		} `json:"users"`
		NextCursor string `json:"next_cursor"`
	}
	a := get("/v1/users", f.query(allTime))
	if err := v.ask(a, &answer); err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	page := usersPage{Q: f.get("q"), Bot: f.get("bot"), Chips: f.chips(), Plain: usersPath}
	for _, u := range answer.Users {
		page.Rows = append(page.Rows, userRow{
			visible(u.User), userAddress(u.User), eventsPath + "?" + url.Values{"user": {u.User}, "from": {allTime}}.Encode(),
		})
	}
	if f.get("cursor") != "" {
		page.First = f.with()
	}
	if answer.NextCursor != "" {
		page.Older = f.with("cursor", answer.NextCursor)
	}
	return v.render("users", "Users", page)
}

// userOfAPI is a user as the API shows one.
type userOfAPI struct {
	Bots []struct {
		Bot    string    `json:"bot"`
		Counts counts    `json:"counts"`
		First  time.Time `json:"first"`
		Last   time.Time `json:"last"`
	} `json:"bots"`
}

// counts are how often something happened to events.
type counts struct {
	Accepted  int64 `json:"accepted"`
	Delivered int64 `json:"delivered"`
	Failed    int64 `json:"failed"`
	Dead      int64 `json:"dead"`
	Expired   int64 `json:"expired"`
}

// userBot is what happened to a user's events at a bot.
type userBot struct {
	Bot, Address, Events                       string
	Accepted, Delivered, Failed, Dead, Expired string
	First, Last                                string
}

// userSession is what a bot remembers of a user.
type userSession struct{ Bot, Expires, Text string }

// userPage is what is known of a user.
type userPage struct {
	User string
	Bots []userBot
	Rows []eventRow
	// NoRows is why there are no events.
	NoRows *trouble
	Events string
	// Limits count the user; NoLimits is why they are not known, and NoReset why they can't be reset.
	Limits   []limitRow
	NoLimits *trouble
	NoReset  string
	// Sessions are for who may see them; NoSessions says what is missing.
	Sessions   []userSession
	NoSessions string
	Export     action
	Erase      action
}

// readUser reads the user of the path.
func (v *visit) readUser() (user string, u userOfAPI, a call, err error) {
	user = v.r.PathValue("user")
	a = userCall(user, "")
	return user, u, a, v.ask(a, &u)
}

// showUser shows what happened to a user's events, and what bots remember of them.
func (c *Console) showUser(v *visit) error {
	if _, err := v.readFilter(usersPath); err != nil {
		return err
	}
	user, u, a, err := v.readUser()
	if err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	page := userPage{
		User: visible(user), Events: eventsPath + "?" + url.Values{"user": {user}, "from": {allTime}}.Encode(),
		Export: action{userAddress(user) + "/data", v.lacks(scopeAct)}, Erase: action{userAddress(user) + "/erase", v.why(scopeAdmin)},
	}
	for _, b := range u.Bots {
		page.Bots = append(page.Bots, userBot{
			Bot: visible(b.Bot), Address: botsPath + "/" + url.PathEscape(b.Bot),
			Events:   eventsPath + "?" + url.Values{"user": {user}, "bot": {b.Bot}, "from": {allTime}}.Encode(),
			Accepted: number(b.Counts.Accepted), Delivered: number(b.Counts.Delivered), Failed: number(b.Counts.Failed),
			Dead: number(b.Counts.Dead), Expired: number(b.Counts.Expired), First: v.ago(b.First), Last: v.ago(b.Last),
		})
	}
	v.addNewest(&page, user)
	v.addLimits(&page, user)
	if page.NoSessions = v.lacks(scopeAct); page.NoSessions == "" {
		err = v.addSessions(&page, user, u)
	}
	if err != nil {
		return err
	}
	return v.render("user", "User "+page.User, page)
}

// addNewest adds the newest events of a user.
func (v *visit) addNewest(page *userPage, user string) {
	newest, err := v.askEvents(url.Values{"user": {user}, "limit": {strconv.Itoa(newestShown)}})
	if err != nil {
		page.NoRows = v.explain(v.r.Context(), err)
		return
	}
	page.Rows = v.eventRows(newest)
}

// addSessions adds what bots remember of a user.
func (v *visit) addSessions(page *userPage, user string, u userOfAPI) error {
	for _, b := range u.Bots[:min(len(u.Bots), sessionsShown)] {
		var document json.RawMessage
		header, err := v.askWithHeader(get("/v1/sessions/"+url.PathEscape(b.Bot)+"/"+url.PathEscape(user), nil), &document)
		if t := (*trouble)(nil); errors.As(err, &t) && t.Status == http.StatusNotFound {
			continue
		}
		if err != nil {
			return err
		}
		expires, _ := time.Parse(time.RFC3339, header.Get("Botgate-Session-Expires"))
		page.Sessions = append(page.Sessions, userSession{visible(b.Bot), v.ago(expires), indented(document)})
	}
	return nil
}

// exportUser sends all that is kept of a user, as the API does.
func (c *Console) exportUser(v *visit) error {
	user, _, _, err := v.readUser()
	if err != nil {
		return err // As a page, not as a file.
	}
	v.w.Header().Set("Content-Disposition", `attachment; filename="user.ndjson"`)
	return v.pass(userCall(user, "/data"))
}
