package api

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
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
}

// userView is a user as the log knows them.
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

// userLinksView says where there is more.
type userLinksView struct {
	Events string `json:"events"`
}

// user answers GET /v1/users/{user}.
func (a *api) user(r *http.Request, c caller) (*reply, error) {
	q := store.UserQuery{Subject: r.PathValue("user")}
	err := parameters(r.URL.RawQuery, func(name, value string) error {
		switch name {
		case "bot":
			return setFilter(&q.Bot, value)
		case "at":
			return setTime(&q.At, name, value)
		}
		return unknownParameter("bot and at")
	})
	if err != nil {
		return nil, err
	}
	if err := c.restrict(&q.Bot); err != nil {
		return nil, err
	}
	if !searchable(q.Subject, event.MaxAttribute) {
		return nil, unknownUser
	}
	user, err := a.cfg.Reader.User(r.Context(), q)
	if err != nil {
		return nil, fmt.Errorf("reading a user: %w", err)
	}
	if len(user.Bots) == 0 {
		return nil, unknownUser
	}
	return showUser(q, user)
}

func showUser(q store.UserQuery, user *store.User) (*reply, error) {
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
		view.Bots[i] = userBotView{Bot: b.Bot, Counts: countsView(b.Counts), First: b.First.UTC(), Last: b.Last.UTC()}
	}
	return encodeKept(view)
}
