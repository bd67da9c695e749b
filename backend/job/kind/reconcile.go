package kind

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/rfc3339"
)

const (
	// reconcileTime is for how long a reconciliation goes on that was asked for without an end.
	reconcileTime = time.Hour
	// defaultReconcile is the default of [Reconcile.After].
	defaultReconcile = 15 * time.Minute
)

// ReconcileQueue is what a reconciliation asks of the queue; see [queue.Queue].
type ReconcileQueue interface {
	Depths(ctx context.Context) (map[queue.Group]int64, error)
	Missing(ctx context.Context, events ...queue.Redelivery) ([]queue.Redelivery, error)
	Redeliver(ctx context.Context, events ...queue.Redelivery) error
}

// Reconcile delivers events again that the log has as under way while the queue does not have them, as
// when the queue of a bot was deleted or purged. What waits, however long, is in the queue.
type Reconcile struct {
	// Reader has the log, and Queue the events under way. Required where events are reconciled.
	Reader Reader
	Queue  ReconcileQueue
	// After is how long nothing may have happened to an event before it is looked for, and a third of
	// it is the time between two looks. An event is delivered again when two of them missed it. Default
	// 15m.
	After time.Duration
	// Redelivered counts them.
	Redelivered prometheus.Counter
	// Logger gets what was redelivered. Required.
	Logger *slog.Logger
}

var _ job.Kind = Reconcile{}

type reconcileParameters struct {
	// Until is when the job ends.
	Until rfc3339.Time `json:"until,omitzero"`
}

type reconcileCheckpoint struct {
	// Cursors is where the lists go on, by status.
	Cursors map[event.Status]store.Position `json:"cursors,omitempty"`
	// Missed are the events that were missed, by id.
	Missed      map[string]missed `json:"missed,omitempty"`
	Redelivered int64             `json:"redelivered"`
}

// missed is an event that the queue did not have.
type missed struct {
	// Since is when it was first missed, or redelivered last.
	Since time.Time `json:"since"`
	// Times is how often it was redelivered, and Next is when it may be again.
	Times int       `json:"times,omitempty"`
	Next  time.Time `json:"next,omitzero"`
}

type reconcileResult struct {
	Redelivered int64 `json:"redelivered"`
}

// ReconcileDay asks for the reconciliation of a day, UTC, which every process may ask for.
func ReconcileDay(at time.Time) job.Request {
	day := store.Day(at)
	parameters, _ := json.Marshal(reconcileParameters{rfc3339.Time{Time: day.AddDate(0, 0, 1)}}) // A time always can be.
	return job.Request{Kind: "reconcile", Parameters: parameters, Key: "botgate reconcile " + day.Format(time.DateOnly)}
}

// Prepare implements [job.Kind].
func (k Reconcile) Prepare(given []byte, bot string) ([]byte, error) {
	if bot != "" {
		return nil, job.ErrForbidden
	}
	var p reconcileParameters
	if err := decode(given, &p, "A reconciliation has the member until, a time; without it, it ends after an hour."); err != nil {
		return nil, err
	}
	if err := checkYears(filter{To: p.Until}, minYear, maxYear); err != nil {
		return nil, job.BadParameter("The member until must be a time like 2026-03-01T12:00:00Z.")
	}
	p.Until.Time = p.Until.UTC()
	return json.Marshal(p)
}

// Run implements [job.Kind]. What is unavailable now may be there at the next look, so no error ends
// the job.
func (k Reconcile) Run(ctx context.Context, r *job.Run) (any, error) {
	j := r.Job()
	var p reconcileParameters
	at := reconcileCheckpoint{}
	if err := j.Decode(&p, &at); err != nil {
		return nil, err
	}
	k.After = cmp.Or(k.After, defaultReconcile)
	if !time.Now().Before(cmp.Or(p.Until.Time, j.CreatedAt.Add(reconcileTime))) {
		return reconcileResult{at.Redelivered}, nil
	}
	l := newLook(k, &at, time.Now())
	if err := l.run(store.Fresh(ctx)); err != nil && ctx.Err() == nil {
		k.Logger.Warn("events can't be reconciled now; that is tried again", "error", err)
	}
	if err := r.Save(ctx, job.Progress{Done: j.Done + l.looked, Checkpoint: at}); err != nil {
		return nil, err
	}
	return nil, job.Again(k.After / 3)
}
