package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/queue"
)

// maxDeadCount is as far as dead letters are counted.
const maxDeadCount = 10_000

// Queue is what the API asks of a queue about what waits.
type Queue interface {
	Depths(ctx context.Context) (map[queue.Group]int64, error)
	Activity(ctx context.Context) (queue.Activity, error)
}

// queueState is what a queue has; nil for one that does not answer.
type queueState struct {
	depths   map[queue.Group]int64
	activity queue.Activity
}

// queueView is what waits in a queue. What is not known is null.
type queueView struct {
	Waiting  *int64     `json:"waiting"`
	InFlight *int64     `json:"in_flight"`
	OldestAt *time.Time `json:"oldest_at"`
}

// groupView is a consumer group, or the part of dispatch that is a bot's.
type groupView struct {
	Group string `json:"group"`
	Bot   string `json:"bot,omitempty"`
	queueView
	// Samples are there where they are asked for.
	Samples *[]depthPoint `json:"samples,omitempty"`
}

type queuesView struct {
	Queues []groupView `json:"queues"`
	// DeadLetters are counted up to a number; null for callers that see one bot.
	DeadLetters *int64 `json:"dead_letters"`
}

func (a *API) askDepths(ctx context.Context) (map[queue.Group]int64, error) {
	if a.cfg.Queue == nil {
		return nil, queue.ErrUnavailable
	}
	return a.cfg.Queue.Depths(ctx)
}

func (a *API) askActivity(ctx context.Context) (queue.Activity, error) {
	if a.cfg.Queue == nil {
		return queue.Activity{}, queue.ErrUnavailable
	}
	return a.cfg.Queue.Activity(ctx)
}

// readQueue asks the queue, at most once a second.
func (a *API) readQueue(context.Context) (*queueState, error) {
	depths, err := a.depths.Answer()
	if err != nil {
		return nil, fmt.Errorf("asking the queue: %w: %w", queue.ErrUnavailable, err)
	}
	activity, err := a.activity.Answer()
	if err != nil {
		return nil, fmt.Errorf("asking the queue: %w: %w", queue.ErrUnavailable, err)
	}
	return &queueState{depths, activity}, nil
}

// listQueues answers GET /v1/queues.
func (a *API) listQueues(w *response, r *http.Request, c caller) error {
	from, step, err := readSamples(r, time.Now())
	if err != nil {
		return err
	}
	found, err := a.readQueue(r.Context())
	if err != nil {
		return err
	}
	view := queuesView{Queues: []groupView{}}
	for _, group := range slices.Sorted(maps.Keys(found.depths)) {
		bot, ofBot := strings.CutPrefix(string(group), string(queue.OfBot("")))
		switch {
		case ofBot && c.may(bot):
			view.Queues = append(view.Queues, groupView{Group: string(queue.Dispatch), Bot: bot, queueView: found.ofBot(bot)})
		case !ofBot && c.bot == "":
			view.Queues = append(view.Queues, groupView{Group: string(group), queueView: found.ofGroup(group)})
		default:
			continue
		}
		if !from.IsZero() {
			view.Queues[len(view.Queues)-1].Samples = new(a.samples.since(group, from, step))
		}
	}
	if c.bot == "" {
		dead, err := a.cfg.Reader.Count(r.Context(), event.StatusDead, maxDeadCount)
		if err != nil {
			return fmt.Errorf("counting dead letters: %w", err)
		}
		view.DeadLetters = &dead
	}
	return w.send(http.StatusOK, view)
}

// readSamples reads from when on samples are wanted, zero for none, and in what steps: by default in the shortest that give
// a chart.
func readSamples(r *http.Request, now time.Time) (from time.Time, step time.Duration, err error) {
	if err := (parameters{"from": timeOrAge(&from), "step": span(&step, keepSamples)}).read(r); err != nil || from.IsZero() && step == 0 {
		return from, step, err
	}
	points := func(step time.Duration) time.Duration { return now.Sub(from)/step + 1 }
	if step == 0 {
		step = sampleEvery
		for points(step) > maxPoints {
			step *= 2
		}
	}
	switch {
	case from.IsZero() || now.Sub(from) > keepSamples+time.Minute:
		return from, step, problem.Malformed.WithDetail("The parameter from must be within the last %d hours.", keepSamples/time.Hour)
	case step%sampleEvery != 0 || points(step) > maxPoints:
		return from, step, problem.Malformed.WithDetail("The parameter step must be a multiple of %s, and give at most %d points.", sampleEvery, maxPoints)
	}
	return from, step, nil
}

// ofGroup is what a group has that is no bot's.
func (w *queueState) ofGroup(group queue.Group) queueView {
	return queueView{Waiting: new(w.depths[group]), OldestAt: optionalTime(w.activity.Oldest[group])}
}

// ofBot is what waits for a bot. What is in flight is known to the process that delivers.
func (w *queueState) ofBot(bot string) (v queueView) {
	if w == nil {
		return v
	}
	if n, known := w.depths[queue.OfBot(bot)]; known {
		v.Waiting = &n
	}
	if at, known := w.activity.Bots[bot]; known {
		v.InFlight, v.OldestAt = &at.InFlight, optionalTime(at.Oldest)
	} else if w.activity.Owned >= 0 || v.Waiting != nil && *v.Waiting == 0 {
		v.InFlight = new(int64)
	}
	return v
}

func optionalTime(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return new(store.Micros(at))
}
