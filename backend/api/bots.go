package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/pause"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// botsAtOnce is how many bots of a page are looked at together.
	botsAtOnce = 4
	// lookBack is how many rows are looked through for the last success and the last failure of a bot.
	lookBack = 2500
	// recent and hour are the times over which it is said how a bot does.
	recent = 5 * time.Minute
	hour   = time.Hour
)

// botView is how a bot does. What this process can't know is null.
type botView struct {
	Bot      string           `json:"bot"`
	Settings *botSettingsView `json:"settings"`
	Last5m   healthView       `json:"last_5m"`
	Last1h   healthView       `json:"last_1h"`
	queueView
	Pause       *pause.State `json:"pause"`
	Pull        *pullView    `json:"pull"`
	LastSuccess *lastView    `json:"last_success"`
	LastFailure *lastView    `json:"last_failure"`
}

// botSettingsView is a bot of the bots file. Its address may have a secret anywhere but in its origin.
type botSettingsView struct {
	Origin          string           `json:"origin"`
	Pull            bool             `json:"pull"`
	AllowPrivate    bool             `json:"allow_private"`
	TimeoutMS       int64            `json:"timeout_ms"`
	GiveUpAfterMS   int64            `json:"give_up_after_ms"`
	MaxAttempts     int              `json:"max_attempts"`
	MinBackoffMS    int64            `json:"min_backoff_ms"`
	MaxBackoffMS    int64            `json:"max_backoff_ms"`
	MaxRetryAfterMS int64            `json:"max_retry_after_ms"`
	ExpireAfterMS   int64            `json:"expire_after_ms"`
	OnDead          bots.OnDead      `json:"on_dead"`
	KeepAnswers     bots.KeepAnswers `json:"keep_answers"`
	Answers         bots.Answers     `json:"answers"`
	Queues          int              `json:"queues"`
	Bulk            bool             `json:"bulk"`
	Schedules       []scheduleView   `json:"schedules"`
}

// scheduleView is a schedule without the body of its events.
type scheduleView struct {
	Name string `json:"name"`
	Cron string `json:"cron"`
	TZ   string `json:"tz"`
	Type string `json:"type"`
}

// healthView is what happened at a bot within some time.
type healthView struct {
	activityView
	// SuccessRate is the share of attempts that delivered; null without any.
	SuccessRate *float64 `json:"success_rate"`
}

// lastView is an attempt, and the event that it was for.
type lastView struct {
	Event      string    `json:"event"`
	At         time.Time `json:"at"`
	StatusCode int       `json:"status_code,omitempty"`
	Error      string    `json:"error,omitempty"`
	DurationMS int64     `json:"duration_ms"`
}

type botPageView struct {
	Bots       []botView `json:"bots"`
	NextCursor string    `json:"next_cursor,omitempty"`
}

// listBots answers GET /v1/bots, by name.
func (a *API) listBots(w *response, r *http.Request, c caller) error {
	size, after := defaultLimit, ""
	if err := (parameters{"limit": limit(&size, maxBots), "cursor": botCursor(&after)}).read(r); err != nil {
		return err
	}
	known := a.knownBots(r.Context())
	names := slices.DeleteFunc(known.names(), func(name string) bool { return name <= after || !c.may(name) })
	page := botPageView{}
	if len(names) > size {
		names = names[:size]
		page.NextCursor = names[size-1]
	}
	page.Bots = make([]botView, len(names))
	group, ctx := errgroup.WithContext(r.Context())
	group.SetLimit(botsAtOnce)
	for i, name := range names {
		group.Go(func() (err error) {
			page.Bots[i], err = a.viewBot(ctx, known, name)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return w.sendKeptJSON(r, page)
}

// maxBots is the largest page of bots.
const maxBots = 100

// botCursor reads the name of the last bot of a page, which is its next_cursor.
func botCursor(field *string) func(name, value string) error {
	return func(_, value string) error {
		if *field = value; !event.ValidBot(value) {
			return problem.Malformed.WithDetail("The parameter cursor %s.", cursorForm)
		}
		return nil
	}
}

// getBot answers GET /v1/bots/{bot}.
func (a *API) getBot(w *response, r *http.Request, c caller) error {
	bot, err := botIn(r, c)
	if err == nil {
		err = (parameters{}).read(r)
	}
	if err != nil {
		return err
	}
	known := a.knownBots(r.Context())
	view, err := a.viewBot(r.Context(), known, bot)
	if err != nil {
		return err
	}
	if !slices.Contains(known.names(), bot) && view.LastSuccess == nil && view.LastFailure == nil && view.Last1h.Accepted == 0 {
		return problem.UnknownBot
	}
	return w.sendKeptJSON(r, view)
}

// botsKnown is what this process knows of bots beside the database.
type botsKnown struct {
	settings bots.Set    // Nil where it does not read the bots file.
	waiting  *queueState // Nil where the queue does not answer.
}

func (a *API) knownBots(ctx context.Context) botsKnown {
	known := botsKnown{}
	if a.cfg.Bots != nil {
		known.settings = a.cfg.Bots()
	}
	if found, err := a.readQueue(ctx); err == nil {
		known.waiting = found
	}
	return known
}

// names are those of the bots file, or else of the bots that have a queue.
func (k botsKnown) names() []string {
	if k.settings != nil || k.waiting == nil {
		return k.settings.Names()
	}
	var names []string
	for group := range k.waiting.depths {
		if bot, ok := strings.CutPrefix(string(group), string(queue.OfBot(""))); ok {
			names = append(names, bot)
		}
	}
	slices.Sort(names)
	return names
}

func (a *API) viewBot(ctx context.Context, known botsKnown, name string) (v botView, err error) {
	v = botView{Bot: name, Settings: viewSettings(known.settings, name), queueView: known.waiting.ofBot(name), Pause: a.pauseOf(name), Pull: a.pullOf(name)}
	if v.Last5m, v.Last1h, err = a.botHealth(ctx, name); err != nil {
		return v, err
	}
	if v.LastSuccess, err = a.lastOf(ctx, name, event.StatusDelivered); err != nil {
		return v, err
	}
	v.LastFailure, err = a.lastOf(ctx, name, event.StatusFailed, event.StatusDead)
	return v, err
}

func viewSettings(set bots.Set, name string) *botSettingsView {
	b, known := set[name]
	if !known {
		return nil
	}
	v := &botSettingsView{
		Pull:         b.Pull,
		AllowPrivate: b.AllowPrivate, TimeoutMS: b.Timeout.Milliseconds(), GiveUpAfterMS: b.GiveUpAfter.Milliseconds(),
		MaxAttempts: b.MaxAttempts, MinBackoffMS: b.MinBackoff.Milliseconds(), MaxBackoffMS: b.MaxBackoff.Milliseconds(),
		MaxRetryAfterMS: b.MaxRetryAfter.Milliseconds(), ExpireAfterMS: b.ExpireAfter.Milliseconds(),
		OnDead: b.OnDead, KeepAnswers: b.KeepAnswers, Answers: b.Answers, Queues: b.Queues, Bulk: b.Bulk,
		Schedules: make([]scheduleView, len(b.Schedules)),
	}
	for n, s := range b.Schedules {
		v.Schedules[n] = scheduleView{s.Name, s.Cron, s.TZ, s.Type}
	}
	if u, err := url.Parse(b.URL); err == nil && !b.Pull {
		v.Origin = u.Scheme + "://" + u.Host
	}
	return v
}

// botHealth is how a bot did in the last minutes, and in the last hour.
func (a *API) botHealth(ctx context.Context, name string) (last5m, last1h healthView, err error) {
	now := store.Micros(time.Now())
	minutes, err := a.cfg.Reader.Stats(ctx, store.StatsQuery{Bot: name, From: now.Add(-hour), To: now})
	if err != nil {
		return last5m, last1h, err
	}
	var short, long store.Activity
	for _, m := range minutes {
		if long.Add(m.Activity, 1); !m.Minute.Before(now.Add(-recent).Truncate(time.Minute)) {
			short.Add(m.Activity, 1)
		}
	}
	return viewHealth(&short), viewHealth(&long), nil
}

func viewHealth(a *store.Activity) healthView {
	v := healthView{activityView: viewActivity(a)}
	if tried := a.Counts.Delivered + a.Counts.Failed + a.Counts.Dead; tried > 0 {
		v.SuccessRate = new(float64(a.Counts.Delivered) / float64(tried))
	}
	return v
}

// lastOf is the last attempt for the newest event of a bot that has one of the statuses; nil where that is not among
// the last ones.
func (a *API) lastOf(ctx context.Context, bot string, statuses ...event.Status) (*lastView, error) {
	page, err := a.cfg.Reader.List(ctx, store.Query{Bot: bot, Statuses: statuses, Limit: 1, Scan: lookBack})
	if err != nil || len(page.Records) == 0 || page.Records[0].Last == nil {
		return nil, err
	}
	r := page.Records[0]
	return &lastView{r.Event.ID, store.Micros(r.Last.At), r.Last.StatusCode, r.Last.Error, r.Last.DurationMS}, nil
}
