package api

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/botgate/botgate/backend/store"
)

// countsView is how often something happened.
type countsView struct {
	Accepted  int64 `json:"accepted"`
	Deferred  int64 `json:"deferred"`
	Delivered int64 `json:"delivered"`
	Failed    int64 `json:"failed"`
	Dead      int64 `json:"dead"`
	Expired   int64 `json:"expired"`
	Replayed  int64 `json:"replayed"`
	Dropped   int64 `json:"dropped"`
}

// userView is a user as the events show them.
type userView struct {
	User  string        `json:"user"`
	At    *time.Time    `json:"at,omitempty"`
	Bots  []userBotView `json:"bots"`
	Links userLinksView `json:"links"`
}

type userBotView struct {
	Bot    string     `json:"bot"`
	Counts countsView `json:"counts"`
	First  time.Time  `json:"first"`
	Last   time.Time  `json:"last"`
}

// userLinksView has the paths of more about the user.
type userLinksView struct {
	Events string `json:"events"`
}

// getUser answers GET /v1/users/{user}.
func (a *API) getUser(w *response, r *http.Request, c caller) error {
	user, err := userIn(r)
	if err != nil {
		return err
	}
	q := store.UserQuery{Subject: user}
	if err := (parameters{"bot": text(&q.Bot), "at": timestamp(&q.At)}).read(r); err != nil {
		return err
	}
	if err := c.restrict(&q.Bot); err != nil {
		return err
	}
	found, err := a.cfg.Reader.User(r.Context(), q)
	if err != nil {
		return fmt.Errorf("reading a user: %w", err)
	}
	if len(found.Bots) == 0 {
		return unknownUser
	}
	return w.sendKeptJSON(r, viewUser(q, found))
}

func viewUser(q store.UserQuery, user *store.User) userView {
	events := url.Values{"user": {q.Subject}}
	if q.Bot != "" {
		events.Set("bot", q.Bot)
	}
	view := userView{
		User: q.Subject, Bots: make([]userBotView, len(user.Bots)),
		Links: userLinksView{Events: "/v1/events?" + events.Encode()},
	}
	if !q.At.IsZero() {
		view.At = &q.At
	}
	for i, b := range user.Bots {
		view.Bots[i] = userBotView{Bot: b.Bot, Counts: countsView(b.Counts), First: store.Micros(b.First), Last: store.Micros(b.Last)}
	}
	return view
}
