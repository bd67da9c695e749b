package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/deadletter"
	"github.com/botgate/botgate/backend/dispatch"
	"github.com/botgate/botgate/backend/health"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/kind"
	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/backend/record"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/sharded"
	blobopen "github.com/botgate/botgate/internal/blob/open"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/retry"
)

// How long a role may take to stop: its work under way, and nacking the rest.
// Dispatch ends sooner when no bot has a timeout that long.
const (
	nackRest        = 5 * time.Second
	stopRecord      = record.Grace + nackRest
	stopJobs        = job.Grace + nackRest
	maxStopDispatch = dispatch.MaxDrain + dispatch.Grace + nackRest
	// stopSweeper bounds the wait for a sweep, which ends between two files.
	stopSweeper = time.Second
	// stopRetention bounds the wait for the retention, which ends between two days.
	stopRetention = 5 * time.Second
)

const (
	// cleanEvery is the time from the end of one removal of what is too old to the next.
	cleanEvery = time.Hour
	// readyPause is the pause between two checks of what a part waits for.
	readyPause = 250 * time.Millisecond
)

// parts names what the roles of this process depend on; readiness shows them.
func (a *App) parts() []string {
	var names []string
	if a.needsQueue() {
		names = append(names, "queue")
	}
	if a.needsStore() {
		names = append(names, "store")
	}
	for _, role := range []config.Role{config.Record, config.Dispatch, config.Jobs} {
		if a.settings.Has(role) {
			names = append(names, string(role))
		}
	}
	return names
}

// background runs a role until the app stops.
func (a *App) background(
	ctx context.Context, role config.Role, bound time.Duration, run func(context.Context) error, healthy func() error,
) {
	s := a.supervise(ctx, "role "+string(role), bound, run)
	a.health.Add(string(role), func(context.Context) error {
		if err := s.check(); err != nil {
			return err
		}
		return healthy()
	})
}

func (a *App) startRecord(ctx context.Context) error {
	if !a.settings.Has(config.Record) {
		return nil
	}
	r, err := record.New(record.Config{
		Queue:      a.queue,
		Store:      a.store,
		Shards:     a.store.Names(),
		Shard:      a.store.ShardOf,
		Reports:    a.refusals,
		Notify:     a.publishNotices,
		Messaging:  a.messaging,
		Logger:     a.log.With("role", string(config.Record)),
		Registerer: a.registry,
	})
	if err != nil {
		return fmt.Errorf("role record: %w", err)
	}
	a.background(ctx, config.Record, stopRecord, r.Run, r.Healthy)
	return nil
}

// publishNotices has caches and streams learn of what was recorded.
func (a *App) publishNotices(recorded []store.Entry) {
	notices := make([]notify.Notice, len(recorded))
	for i, e := range recorded {
		notices[i] = notify.Of(e)
	}
	// Bounded by itself: recording must not wait for subscribers.
	a.bus.Publish(context.Background(), notices)
}

func (a *App) startDispatch(ctx context.Context) error {
	if !a.settings.Has(config.Dispatch) {
		return nil
	}
	d, err := a.bots.deliver(dispatch.Config{
		Queue:      a.outcomes,
		Ledger:     a.ledger,
		Messaging:  a.messaging,
		SlowBot:    a.settings.SlowBot,
		AnswersURL: a.settings.AnswersURL,
		Logger:     a.log.With("role", string(config.Dispatch)),
		Registerer: a.registry,
	})
	if err != nil {
		return fmt.Errorf("role dispatch: %w", err)
	}
	healthy := func() error { return cmp.Or(a.pausesKnown(), d.Healthy()) }
	a.background(ctx, config.Dispatch, maxStopDispatch, onceReady(a.awaitPauses(), d.Run), healthy)
	return nil
}

// openJobs opens the jobs, for the role api, which accepts them, and the role jobs.
func (a *App) openJobs(ctx context.Context) error {
	if !a.settings.Has(config.API) && !a.settings.Has(config.Jobs) {
		return nil
	}
	engine := job.NewSQL(a.firstDatabase(), a.log)
	if err := a.migrate(ctx, "schema of the jobs", engine); err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	a.jobsReady = engine.Ready
	kinds, err := a.jobKinds()
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	a.jobs, err = job.New(job.Config{
		Engine: engine, Kinds: kinds, Tracer: a.tracer, Logger: a.log.With("role", string(config.Jobs)), Registerer: a.registry,
	})
	return err
}

// VisitJobs returns the jobs for a command, which submits those on dead letters and watches them. They
// are worked on by processes with the role jobs.
func VisitJobs(ctx context.Context, s *sharded.Store, log *slog.Logger) (*job.Jobs, error) {
	first, _ := s.Engine(s.Names()[0])
	engine := job.NewSQL(first.SQL(), log)
	if err := engine.Ready(ctx); err != nil {
		return nil, fmt.Errorf("the table of the jobs, which a backend makes at its start: %w", err)
	}
	return job.New(job.Config{Engine: engine, Kinds: deadKinds(nil, nil), Logger: log})
}

// deadKinds are the kinds of jobs on dead letters.
func deadKinds(s deadletter.Store, q kind.DeadQueue) map[string]job.Kind {
	return map[string]job.Kind{
		deadletter.ReplayJob: kind.Dead{Store: s, Queue: q}, deadletter.DropJob: kind.Dead{Store: s, Queue: q, Drop: true},
	}
}

// jobKinds returns the kinds of jobs. Exports need a blob store for their files. A process that
// only accepts replays need not have the queue open.
func (a *App) jobKinds() (map[string]job.Kind, error) {
	reconcile, err := a.reconcile()
	if err != nil {
		return nil, err
	}
	kinds := deadKinds(a.store, a.queue)
	kinds["rebuild"], kinds["replay"], kinds["reconcile"] = kind.Rebuild{Maintainer: a.store}, kind.Replay{Queue: a.queue}, reconcile
	kinds[job.EraseKind] = kind.Erase{Store: a.store, Forget: a.forget}
	address := a.settings.Blobs()
	if address == "" {
		kinds["export"] = kind.Missing("Exports need a blob store for their files: set " + config.EnvBlobURL + ".")
		return kinds, nil
	}
	blobs, err := blobopen.Open(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.EnvBlobURL, err)
	}
	a.onClose("files of the jobs", closeStore, blobs.Close)
	kinds["export"] = kind.NewExport(kind.ExportConfig{Reader: a.store, Blobs: blobs})
	return kinds, nil
}

// startJobs works on jobs as soon as their tables are migrated.
func (a *App) startJobs(ctx context.Context) error {
	if !a.settings.Has(config.Jobs) {
		return nil
	}
	healthy := func() error { return cmp.Or(a.jobsHealthy(), a.scheduled(), a.cron.Healthy()) }
	a.background(ctx, config.Jobs, stopJobs, onceReady(a.jobsReady, a.jobs.Run), healthy)
	return nil
}

// jobsHealthy is degraded where the jobs are in one of several shards: all else goes on without it.
func (a *App) jobsHealthy() error {
	err := a.jobs.Healthy()
	if shards := a.store.Names(); err != nil && len(shards) > 1 {
		return health.Degraded{Detail: "kept in shard " + shards[0], Err: err}
	}
	return err
}

// onceReady runs a part as soon as what it needs is there, such as its tables, which this process or another one makes.
func onceReady(ready, run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		isReady := func() bool { return ready(ctx) == nil }
		if !(retry.Backoff{Min: readyPause}).Until(ctx, isReady) {
			return nil
		}
		return run(ctx)
	}
}

// startRetention drops days of the log that are too old, and makes those to come ready. It goes with
// the role record: one that runs is enough, several do no harm.
func (a *App) startRetention(ctx context.Context) error {
	if !a.settings.Has(config.Record) {
		return nil
	}
	a.supervise(ctx, "retention", stopRetention, hourly(func(ctx context.Context) error {
		var before time.Time
		if keep := a.settings.Data.Retention; keep > 0 {
			before = time.Now().Add(-keep)
		}
		dropped, err := a.store.Retain(ctx, before)
		if err != nil {
			return err
		}
		for _, day := range dropped {
			a.log.Info("dropped a day of the log", "day", day.Format(time.DateOnly))
		}
		return nil
	}))
	return nil
}

// startSweeper removes large bodies that are older than anything that refers to them, from a blob
// store that does not expire them by itself. It goes with the role record: one that runs is enough,
// several do no harm.
func (a *App) startSweeper(ctx context.Context) error {
	if !a.settings.Has(config.Record) || a.settings.BodyRetention() == 0 || a.settings.Blobs() == "" {
		return nil
	}
	blobs, err := blobopen.Open(a.settings.Blobs())
	if err != nil {
		return err
	}
	folder, ok := blobs.(interface {
		Sweep(ctx context.Context, before time.Time) (removed int, err error)
	})
	if !ok {
		return blobs.Close()
	}
	removed := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "botgate_blob_expired_total",
		Help: "Bodies removed from the blob folder because they were older than the retention.",
	})
	if err := metric.Register(a.registry, "the blob store", removed); err != nil {
		return err
	}
	a.supervise(ctx, "blob sweeper", stopSweeper, hourly(func(ctx context.Context) error {
		n, err := folder.Sweep(ctx, time.Now().Add(-a.settings.BodyRetention()))
		removed.Add(float64(n))
		return err
	}))
	return nil
}

// hourly does something every hour until ctx ends.
func hourly(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			if err := do(ctx); err != nil || !retry.Sleep(ctx, cleanEvery) {
				return err
			}
		}
	}
}
