package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

const (
	// defaultRange is how far statistics go back when the request does not say.
	defaultRange = time.Hour
	maxRange     = store.MaxMinutes * time.Minute
)

// statsView is what happened at a bot, minute by minute. Minutes in which nothing happened
// are left out.
type statsView struct {
	Bot     string       `json:"bot"`
	From    time.Time    `json:"from"`
	To      time.Time    `json:"to"`
	Minutes []minuteView `json:"minutes"`
}

type minuteView struct {
	Minute time.Time `json:"minute"`
	countsView
	// DurationMS is how long the attempts of the minute took together.
	DurationMS int64 `json:"duration_ms"`
}

// stats answers GET /v1/bots/{bot}/stats.
func (a *api) stats(r *http.Request, c caller) (*reply, error) {
	q := store.StatsQuery{Bot: r.PathValue("bot")}
	if !event.ValidBot(q.Bot) {
		return nil, unknownBot
	}
	if !c.may(q.Bot) {
		return nil, otherBot
	}
	if err := setRange(&q, r.URL.RawQuery, time.Now()); err != nil {
		return nil, err
	}
	minutes, err := a.cfg.Reader.Stats(r.Context(), q)
	if err != nil {
		return nil, fmt.Errorf("reading statistics: %w", err)
	}
	view := statsView{Bot: q.Bot, From: q.From, To: q.To, Minutes: make([]minuteView, len(minutes))}
	for i, m := range minutes {
		view.Minutes[i] = minuteView{m.Minute.UTC(), countsView(m.Counts), m.Duration.Milliseconds()}
	}
	return encodeKept(view)
}

// setRange reads which minutes are wanted: those that have a part in the range from "from" to
// "to". The range ends with the present minute, and is an hour long, unless it is said.
func setRange(q *store.StatsQuery, raw string, now time.Time) error {
	err := parameters(raw, func(name, value string) error {
		switch name {
		case "from":
			return setTime(&q.From, name, value)
		case "to":
			return setTime(&q.To, name, value)
		}
		return unknownParameter("from and to")
	})
	if err != nil {
		return err
	}
	if q.To.IsZero() {
		q.To = now.UTC()
	}
	q.To = q.To.Add(time.Minute - 1).Truncate(time.Minute)
	if q.From.IsZero() {
		q.From = q.To.Add(-defaultRange)
	}
	q.From = q.From.Truncate(time.Minute)
	if length := q.To.Sub(q.From); length <= 0 || length > maxRange {
		return malformed.because(fmt.Sprintf("The range from the parameter from to the parameter to must be positive, and at most %d days.", maxRange/(24*time.Hour)))
	}
	return nil
}
