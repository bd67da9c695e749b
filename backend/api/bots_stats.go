package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
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
	// DurationMS is the sum of the durations of all attempts in the minute.
	DurationMS int64 `json:"duration_ms"`
}

// botStats answers GET /v1/bots/{bot}/stats.
func (a *API) botStats(w *response, r *http.Request, c caller) error {
	q := store.StatsQuery{Bot: r.PathValue("bot")}
	if !event.ValidBot(q.Bot) {
		return problem.UnknownBot
	}
	if !c.may(q.Bot) {
		return otherBot
	}
	if err := readRange(&q, r, parameters{}, time.Now()); err != nil {
		return err
	}
	minutes, err := a.cfg.Reader.Stats(r.Context(), q)
	if err != nil {
		return fmt.Errorf("reading statistics: %w", err)
	}
	view := statsView{Bot: q.Bot, From: q.From, To: q.To, Minutes: make([]minuteView, len(minutes))}
	for i, m := range minutes {
		view.Minutes[i] = minuteView{store.Micros(m.Minute), countsView(m.Counts), m.Duration.Milliseconds()}
	}
	return w.sendKeptJSON(r, view)
}

// readRange reads which minutes are wanted: those that overlap the range from "from" to "to". By default the range is
// the hour that ends with the current minute. The parameters are those that the request may have beside.
func readRange(q *store.StatsQuery, r *http.Request, p parameters, now time.Time) error {
	p["from"], p["to"] = timeOrAge(&q.From), timeOrAge(&q.To)
	if err := p.read(r); err != nil {
		return err
	}
	if q.To.IsZero() {
		q.To = now.UTC()
	}
	tooLong := !q.From.IsZero() && q.To.Sub(q.From) > maxRange+time.Second // An age is counted from a moment ago.
	q.To = q.To.Add(time.Minute - 1).Truncate(time.Minute)
	if q.From.IsZero() {
		q.From = q.To.Add(-defaultRange)
	}
	q.From = q.From.Truncate(time.Minute)
	if length := q.To.Sub(q.From); length <= 0 || tooLong {
		return problem.Malformed.WithDetail("The range from the parameter from to the parameter to must be positive, and at most %d days.", maxRange/(24*time.Hour))
	}
	if oldest := q.To.Add(-maxRange); q.From.Before(oldest) { // A part of a minute at either end.
		q.From = oldest
	}
	return nil
}
