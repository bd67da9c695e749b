package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/store"
)

const (
	// exportLife bounds an export, and exportPause the wait for a client that does not read.
	exportLife  = 15 * time.Minute
	exportPause = 30 * time.Second
)

// exportUser answers GET /v1/users/{user}/data with a line of JSON for each event, newest first, and then for each
// session.
func (a *API) exportUser(w *response, r *http.Request, c caller) error {
	user, err := userIn(r)
	if err != nil {
		return err
	}
	bot := ""
	if err := (parameters{"bot": text(&bot)}).read(r); err != nil {
		return err
	}
	if err := c.restrict(&bot); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), exportLife)
	defer cancel()
	defer context.AfterFunc(a.closing, cancel)() //nolint:contextcheck // ends with the API, too
	err = a.exportEvents(ctx, w, user, bot)
	if err == nil {
		err = a.exportSessions(ctx, w, user, bot)
	}
	if err == nil && !w.begun {
		err = unknownUser
	}
	return err
}

// exportEvents writes a line {"event": …} for each event of a user at a bot, or at all bots for "".
func (a *API) exportEvents(ctx context.Context, w *response, user, bot string) error {
	q := store.Query{Subject: user, Bot: bot, Limit: store.MaxLimit}
	return a.eachEvent(ctx, q, func(id string) error {
		record, err := a.cfg.Reader.Get(store.Fresh(ctx), id)
		if errors.Is(err, store.ErrNotFound) {
			return nil // Erased or expired meanwhile.
		}
		if err != nil {
			return fmt.Errorf("reading an event of a user: %w", err)
		}
		line, err := eventjson.AppendLine([]byte(`{"event":`), record)
		if err != nil {
			return err
		}
		return writeLine(w, append(line, '}'))
	})
}

// eachEvent pages through events.
func (a *API) eachEvent(ctx context.Context, q store.Query, visit func(id string) error) error {
	for {
		page, err := a.cfg.Reader.List(store.Fresh(ctx), q)
		if err != nil {
			return fmt.Errorf("listing a user's events: %w", err)
		}
		for _, listed := range page.Records {
			if err := visit(listed.Event.ID); err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		q.After = *page.Next
	}
}

// exportSessions writes a line {"session": …} for each session.
func (a *API) exportSessions(ctx context.Context, w *response, user, bot string) error {
	for s, err := range a.cfg.Sessions.ListUser(ctx, user) {
		if err != nil {
			return fmt.Errorf("reading a user's sessions: %w", err)
		}
		if bot != "" && s.Bot != bot {
			continue
		}
		line, err := json.Marshal(map[string]*session.Session{"session": s})
		if err != nil {
			return fmt.Errorf("encoding a session: %w", err)
		}
		if err := writeLine(w, line); err != nil {
			return err
		}
	}
	return nil
}

func writeLine(w *response, line []byte) error {
	if !w.begun {
		w.begin(http.StatusOK, "application/x-ndjson", notKept)
	}
	w.extend(exportPause)
	_, err := w.Write(append(line, '\n'))
	return err
}
