package job

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Defaults of [Config].
const (
	DefaultLease = 30 * time.Second
	DefaultSlice = 5 * time.Minute
	DefaultKeep  = 7 * 24 * time.Hour
)

const (
	// maxTries is how often a job is begun without progress before it fails; what it needs may
	// be away for hours.
	maxTries = 100
	// maxCrashes is how many workers may end with a job before it counts as the cause.
	maxCrashes = queue.CrashLimit
	// maxConflicts bounds how often a write begins anew that others overtook. A job has few
	// writers: its worker, and those who hand it out or cancel it.
	maxConflicts = 16
)

// Config is what Jobs are made of.
type Config struct {
	// Engine keeps them. Required.
	Engine Engine
	// Kinds are what there is to do, by name. Every process that takes jobs or works on them
	// has the same.
	Kinds map[string]Kind
	// Concurrency is how many jobs this process works on at once. Default 1.
	Concurrency int
	// Lease is after which time a job whose worker was killed is handed to another one. It is
	// renewed while a worker is there. The clocks of all machines have to agree to a third of
	// it. Default 30s.
	Lease time.Duration
	// Slice is how long a worker has a job before others that wait get their turn. Default 5m.
	Slice time.Duration
	// Keep is how long a job is kept that is over. Default 7 days.
	Keep time.Duration
	// WakeEvery is the pause between two polls for due jobs. Default 2s.
	WakeEvery time.Duration
	// Logger gets what needs an operator. Default: discard.
	Logger *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() Config {
	c.Concurrency = max(c.Concurrency, 1)
	c.Lease = cmp.Or(c.Lease, DefaultLease)
	c.Slice = cmp.Or(c.Slice, DefaultSlice)
	c.Keep = cmp.Or(c.Keep, DefaultKeep)
	c.WakeEvery = cmp.Or(c.WakeEvery, 2*time.Second)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// Jobs takes jobs and works on them. It may be used concurrently.
type Jobs struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	names   string
	// processors has room for what computes at the same time.
	processors *semaphore.Weighted
	trouble    atomic.Pointer[error]
	// submitted has an element when a worker of this process need not wait to poll.
	submitted chan struct{}
}

// New returns the jobs of an engine. It fails when the metrics are registered already.
func New(cfg Config) (*Jobs, error) {
	cfg = cfg.withDefaults()
	names := slices.Sorted(maps.Keys(cfg.Kinds))
	m, err := newMetrics(cfg.Registerer, names)
	if err != nil {
		return nil, err
	}
	j := &Jobs{
		cfg: cfg, log: cfg.Logger, metrics: m, names: strings.Join(names, ", "),
		processors: semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))), submitted: make(chan struct{}, 1),
	}
	j.trouble.Store(&errNotRunning)
	return j, nil
}

// now is the time as engines keep it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Request asks for a job.
type Request struct {
	Kind       string
	Parameters []byte
	// Bot restricts it, see [Kind.Prepare].
	Bot string
	// Key, unless empty, makes repeats of the request the same job.
	Key string
}

// Submit adds a job, unless it is a repeat, and says which of the two it did. It is durable
// when Submit returns. Errors that
// the caller can mend are a [ParameterError], ErrForbidden and ErrKeyReused.
func (j *Jobs) Submit(ctx context.Context, r Request) (made *Job, created bool, err error) {
	kind := j.cfg.Kinds[r.Kind]
	if kind == nil {
		return nil, false, j.unknown()
	}
	parameters, err := kind.Prepare(r.Parameters, r.Bot)
	if err != nil {
		return nil, false, err
	}
	at := now()
	made = &Job{
		Kind: r.Kind, Parameters: parameters, Bot: r.Bot, Status: StatusQueued,
		CreatedAt: at, UpdatedAt: at, WakeAt: at, Version: rand.Text(),
	}
	if made.ID, err = newID(r); err != nil {
		return nil, false, err
	}
	err = j.cfg.Engine.Create(ctx, made)
	if errors.Is(err, ErrExists) {
		return j.repeated(ctx, made)
	}
	if err != nil {
		return nil, false, err
	}
	select {
	case j.submitted <- struct{}{}:
	default:
	}
	return made, true, nil
}

func newID(r Request) (string, error) {
	if r.Key == "" {
		return event.NewID("")
	}
	return event.DeriveID("jobs", r.Bot, r.Key, ""), nil
}

// repeated returns the job that a key belongs to.
func (j *Jobs) repeated(ctx context.Context, wanted *Job) (*Job, bool, error) {
	there, err := j.cfg.Engine.Load(ctx, wanted.ID)
	if err != nil {
		return nil, false, err
	}
	if there.Kind != wanted.Kind || string(there.Parameters) != string(wanted.Parameters) {
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

// Cancel has a job end. One that a worker has ends when that finds out, after its step, or
// within seconds; until then it has CancelAsked set. One that is over is ErrFinished.
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
		if err = j.cfg.Engine.Store(ctx, &next, there.Version); !errors.Is(err, ErrConflict) {
			if err == nil && next.Status.Final() {
				j.metrics.finish(next.Kind, next.Status)
			}
			return &next, err
		}
	}
	return nil, fmt.Errorf("%w: others write it all the time", ErrUnavailable)
}

// finish is the end of a job.
func (j *Job) finish(status Status, at time.Time) {
	j.Status, j.FinishedAt, j.UpdatedAt = status, at, at
	j.Owner, j.LeaseUntil, j.WakeAt, j.CancelAsked = "", time.Time{}, time.Time{}, false
}
