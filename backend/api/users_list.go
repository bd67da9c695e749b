package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

type userPageView struct {
	Users      []userEntryView `json:"users"`
	NextCursor string          `json:"next_cursor,omitempty"`
}

// userEntryView is a user, with the path of more about them.
type userEntryView struct {
	User  string            `json:"user"`
	Links map[string]string `json:"links"`
}

// listUsers answers GET /v1/users, by name.
func (a *API) listUsers(w *response, r *http.Request, c caller) error {
	q := store.UsersQuery{Limit: defaultLimit}
	err := parameters{
		"q": text(&q.Prefix), "bot": text(&q.Bot), "limit": limit(&q.Limit, store.MaxLimit), "cursor": nameCursor(&q.After),
	}.read(r)
	if err != nil {
		return err
	}
	if err := c.restrict(&q.Bot); err != nil {
		return err
	}
	found, err := a.cfg.Reader.Users(r.Context(), q)
	if err != nil {
		return fmt.Errorf("listing users: %w", err)
	}
	page := userPageView{Users: make([]userEntryView, len(found.Users))}
	for i, user := range found.Users {
		page.Users[i] = userEntryView{user, map[string]string{"user": "/v1/users/" + url.PathEscape(user)}}
	}
	if found.Next != "" {
		page.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(found.Next))
	}
	return w.sendKeptJSON(r, page)
}

// nameCursor reads a name as a page of users had it as its cursor.
func nameCursor(field *string) func(name, value string) error {
	return func(name, value string) error {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(value)
		if *field = string(raw); err != nil || !event.ValidText(*field) {
			return errors.New(name + " " + cursorForm)
		}
		return nil
	}
}
