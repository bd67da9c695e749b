package job

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
	"github.com/botgate/botgate/internal/tracing"
)

const (
	defaultLease = 30 * time.Second
	defaultSlice = 5 * time.Minute
	defaultPoll  = 2 * time.Second
	// retention is how long a final job is kept.
	retention = 7 * 24 * time.Hour
	// maxTries is how many attempts without progress a job has before it fails; what it needs
	// may be unavailable for hours.
	maxTries = 100
	// maxCrashes is how many workers may die with a job before it counts as a poison message.
	maxCrashes = queue.CrashLimit
	// maxConflicts bounds the optimistic retries of a write. A job has few writers: its worker,
	// and those who cancel it.
	maxConflicts = 16
)

// Config is what Jobs are made of.
type Config struct {
	// Engine keeps the rows. Required.
	Engine Engine
	// Kinds are the kinds of work, by name. Every process that accepts jobs or works on them
	// has the same.
	Kinds map[string]Kind
	// Lease is how long after the crash of its worker a job is handed to another one. A worker
	// renews it while it lives. The clocks of all machines have to agree to a third of it.
	// Default 30s.
	Lease time.Duration
	// Slice is how long a worker has a job before it requeues it behind the others. Default 5m.
	Slice time.Duration
	// PollInterval is the pause between two polls for due jobs. Default 2s.
	PollInterval time.Duration
	// Tracer is what the spans of jobs are made with. Default: none are.
	Tracer trace.Tracer
	// Logger gets what needs an operator. Default: discard.
	Logger *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

// Jobs accepts jobs and works on them, one at a time. It may be used concurrently.
type Jobs struct {
	cfg     Config
	metrics *metrics
	// failure is why jobs are not worked on; nil while they are.
	failure atomic.Pointer[error]
	// submitted wakes the worker of this process, which need not wait for its next poll.
	submitted retry.Wake
}

// New returns the jobs of an engine. It fails when the metrics are registered already.
func New(cfg Config) (*Jobs, error) {
	cfg.Lease = cmp.Or(cfg.Lease, defaultLease)
	cfg.Slice = cmp.Or(cfg.Slice, defaultSlice)
	cfg.PollInterval = cmp.Or(cfg.PollInterval, defaultPoll)
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	m, err := newMetrics(cfg.Registerer, slices.Collect(maps.Keys(cfg.Kinds)))
	if err != nil {
		return nil, err
	}
	j := &Jobs{cfg: cfg, metrics: m, submitted: retry.NewWake()}
	j.failure.Store(&errNotRunning)
	return j, nil
}

// now is the time in the precision of engines.
func now() time.Time { return store.Micros(time.Now()) }

// Request asks for a job.
type Request struct {
	Kind       string
	Parameters []byte
	// Bot restricts it, see [Kind.Prepare].
	Bot string
	// AskedBy is the user who asks; empty for none.
	AskedBy string
	// Key, unless empty, makes repeats of the request the same job.
	Key string
}

// Submit adds a job and returns true, or returns the job that the request repeats and false.
// It is durable when Submit returns. Errors that the caller can correct are a [ParameterError],
// ErrForbidden and ErrKeyReused.
func (j *Jobs) Submit(ctx context.Context, r Request) (made *Job, created bool, err error) {
	kind := j.cfg.Kinds[r.Kind]
	if kind == nil {
		names := strings.Join(slices.Sorted(maps.Keys(j.cfg.Kinds)), ", ")
		return nil, false, BadParameter("The member kind must be one of %s.", names)
	}
	parameters, err := kind.Prepare(r.Parameters, r.Bot)
	if err != nil {
		return nil, false, err
	}
	at := now()
	made = &Job{
		Kind: r.Kind, Parameters: parameters, Bot: r.Bot, AskedBy: r.AskedBy, Status: StatusQueued,
		TraceParent: tracing.TraceParent(trace.SpanContextFromContext(ctx)),
		CreatedAt:   at, UpdatedAt: at, DueAt: at, Version: rand.Text(),
	}
	if made.ID, err = newID(r); err != nil {
		return nil, false, err
	}
	switch err := j.cfg.Engine.Create(ctx, made); {
	case errors.Is(err, ErrExists):
		return j.repeated(ctx, made)
	case err != nil:
		return nil, false, err
	}
	j.submitted.Signal()
	return made, true, nil
}

func newID(r Request) (string, error) {
	if r.Key == "" {
		return event.NewID("")
	}
	return event.Identity{Bot: r.Bot, Sender: "jobs", Key: r.Key}.ID(""), nil
}

// repeated returns the job that a key belongs to.
func (j *Jobs) repeated(ctx context.Context, wanted *Job) (*Job, bool, error) {
	there, err := j.cfg.Engine.Load(ctx, wanted.ID)
	if err != nil {
		return nil, false, err
	}
	parameters := []byte(wanted.Parameters)
	if there.Status.Final() {
		if parameters, err = j.redacted(wanted.Kind, parameters); err != nil {
			return nil, false, err
		}
	}
	if there.Kind != wanted.Kind || string(there.Parameters) != string(parameters) {
		return nil, false, ErrKeyReused
	}
	return there, false, nil
}

// Get returns a job. A bot, unless empty, is the only one whose jobs may be seen.
func (j *Jobs) Get(ctx context.Context, id, bot string) (*Job, error) {
	found, err := j.cfg.Engine.Load(ctx, id)
	if err == nil && bot != "" && found.Bot != bot {
		return nil, ErrNotFound
	}
	return found, err
}

// List returns jobs, newest first.
func (j *Jobs) List(ctx context.Context, q Query) ([]*Job, error) { return j.cfg.Engine.List(ctx, q) }

// Changed returns up to limit jobs that changed since then, the latest first.
func (j *Jobs) Changed(ctx context.Context, since time.Time, limit int) ([]*Job, error) {
	return j.cfg.Engine.Changed(ctx, since, limit)
}

// Cancel cancels a job: at once while no worker leases it. Else CancelAsked is set, which its
// worker finds after its step, or when it renews the lease. A final job is ErrFinished.
func (j *Jobs) Cancel(ctx context.Context, id, bot string) (*Job, error) {
	for range maxConflicts {
		there, err := j.Get(ctx, id, bot)
		switch {
		case err != nil:
			return nil, err
		case there.Status == StatusCancelled, there.CancelAsked && there.leased(now()):
			return there, nil
		case there.Status.Final():
			return nil, ErrFinished
		}
		next, at := *there, now()
		next.Version, next.UpdatedAt = rand.Text(), at
		if next.CancelAsked = there.leased(at); !next.CancelAsked {
			next.finish(StatusCancelled, at)
		}
		if err = j.store(ctx, &next, there.Version); !errors.Is(err, ErrConflict) {
			if err == nil && next.Status.Final() {
				j.metrics.finish(next.Kind, next.Status)
			}
			return &next, err
		}
	}
	return nil, fmt.Errorf("%w: too many writers", ErrUnavailable)
}

// store writes a version of a job. Of one that is final only what may be kept is written.
func (j *Jobs) store(ctx context.Context, next *Job, was string, parts ...Part) error {
	if next.Status.Final() {
		kept, err := j.redacted(next.Kind, next.Parameters)
		if err != nil {
			return err
		}
		next.Parameters = kept
	}
	return j.cfg.Engine.Store(ctx, next, was, parts...)
}

// redacted are the parameters of a job that is final.
func (j *Jobs) redacted(kind string, parameters []byte) ([]byte, error) {
	discreet, ok := j.cfg.Kinds[kind].(Discreet)
	if !ok {
		return parameters, nil
	}
	kept, err := discreet.Redact(parameters)
	if err != nil {
		return nil, fmt.Errorf("redacting the parameters of a job: %w", err)
	}
	return kept, nil
}

// finish makes a job final.
func (j *Job) finish(status Status, at time.Time) {
	j.Status, j.FinishedAt, j.UpdatedAt = status, at, at
	j.Owner, j.LeaseUntil, j.DueAt, j.CancelAsked = "", time.Time{}, time.Time{}, false
}
