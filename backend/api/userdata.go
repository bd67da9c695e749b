package api

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/userdata"
	"github.com/botgate/botgate/internal/event"
)

// UserData is what the API asks of whoever keeps what there is of users.
type UserData interface {
	Export(ctx context.Context, user, bot string) iter.Seq2[userdata.Item, error]
	Erase(ctx context.Context, user string) (events int64, err error)
}

const (
	// EraseTimeout bounds the erasure of a user, which can be asked for again.
	EraseTimeout = 25 * time.Second
	// exportLife bounds an export, and exportPause the wait for a client that does not read.
	exportLife  = 15 * time.Minute
	exportPause = 30 * time.Second
)

// erasedView says what the erasure of a user did.
type erasedView struct {
	User   string `json:"user"`
	Events int64  `json:"events"`
}

// sessionLine is a session in an export.
type sessionLine struct {
	Bot       string          `json:"bot"`
	User      string          `json:"user"`
	UpdatedAt time.Time       `json:"updated_at"`
	ExpiresAt time.Time       `json:"expires_at"`
	Data      json.RawMessage `json:"data"`
}

// userData answers /v1/users/{user}/data.
func (a *api) userData() http.Handler {
	erase := a.route("erase", EraseTimeout, methods{http.MethodDelete: a.eraseUser})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet:
			a.exportUser(w, r)
		case http.MethodDelete:
			erase.ServeHTTP(w, r)
		default:
			a.metrics.count("export", methodNotAllowed.with("Allow", "DELETE, GET").write(w))
		}
	})
}

// eraseUser answers DELETE. What other bots have of the user is not for a token of one bot
// to remove.
func (a *api) eraseUser(r *http.Request, c caller) (*reply, error) {
	user := r.PathValue("user")
	switch {
	case c.bot != "":
		return nil, otherBot
	case r.URL.RawQuery != "":
		return nil, malformed.because("There are no parameters here.")
	case user == "" || !searchable(user, event.MaxAttribute):
		return nil, unknownUser
	}
	events, err := a.cfg.UserData.Erase(r.Context(), user)
	if err != nil {
		return nil, err
	}
	// Not whose: the log is no place to look erased users up.
	a.cfg.Logger.Info("a user was erased", "events", events)
	return encode(erasedView{User: user, Events: events})
}

// exportUser answers GET with a line of JSON for each event and each session. An export that
// fails on its way is cut off, so that nobody takes it for whole.
func (a *api) exportUser(w http.ResponseWriter, r *http.Request) {
	user := r.PathValue("user")
	c, err := callerOf(r.Header)
	bot := ""
	if err == nil {
		bot, err = exportedBot(r, c)
	}
	if err == nil && (user == "" || !searchable(user, event.MaxAttribute)) {
		err = unknownUser
	}
	if err != nil {
		a.metrics.count("export", a.problem(r, err).write(w))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), exportLife)
	defer cancel()
	defer context.AfterFunc(a.closing, cancel)()
	out := http.NewResponseController(w)
	begun := false
	for item, err := range a.cfg.UserData.Export(ctx, user, bot) {
		var line []byte
		if err == nil {
			line, err = exportLine(item)
		}
		switch {
		case err != nil && !begun:
			a.metrics.count("export", a.problem(r, err).write(w))
			return
		case err != nil:
			a.cfg.Logger.Warn("export of a user was cut off", "error", err)
			panic(http.ErrAbortHandler)
		case !begun:
			begin(w)
			begun = true
		}
		// A client that is gone, or a writer without deadlines, shows with the write.
		_ = out.SetWriteDeadline(time.Now().Add(exportPause))
		if _, err := w.Write(append(line, '\n')); err != nil {
			return
		}
	}
	if !begun {
		a.metrics.count("export", unknownUser.write(w))
		return
	}
	a.metrics.count("export", http.StatusOK)
}

func begin(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
}

// exportedBot reads which bot's data are wanted; empty for all.
func exportedBot(r *http.Request, c caller) (bot string, err error) {
	err = parameters(r.URL.RawQuery, func(name, value string) error {
		if name != "bot" {
			return unknownParameter("bot")
		}
		return setFilter(&bot, value)
	})
	if err == nil {
		err = c.restrict(&bot)
	}
	return bot, err
}

// exportLine is {"event": …} or {"session": …}.
func exportLine(item userdata.Item) ([]byte, error) {
	if item.Session != nil {
		return encodeSession(item.Session)
	}
	line, err := AppendEvent([]byte(`{"event":`), item.Event)
	if err != nil {
		return nil, fmt.Errorf("encoding an event: %w", err)
	}
	return append(line, '}'), nil
}

func encodeSession(s *session.Session) ([]byte, error) {
	return json.Marshal(map[string]sessionLine{"session": {
		Bot: s.Bot, User: s.User, UpdatedAt: s.UpdatedAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(), Data: s.Data,
	}})
}
