package sharded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/retry"
)

// Engine is what a shard has to be; store/postgres and store/sqlite are.
type Engine interface {
	store.Store
	store.Maintainer
	// SQL returns the database, for other parts of the backend that keep tables there.
	SQL() sqldb.DB
}

// migrator is an engine whose schema is brought up to date after it was opened.
type migrator interface {
	Migrate(ctx context.Context) error
}

const (
	// pollEvery is the time between two reads of a shard's fences.
	pollEvery = time.Second
	// pollTimeout bounds one.
	pollTimeout = 3 * time.Second
	// fencesTTL is how old a shard's fences may be for reads of it. For so long at most,
	// what was recorded elsewhere after a move can't be seen.
	fencesTTL = 5 * time.Second
	// ReadWindow is how long after its fences were read a shard's answers count. For longer
	// than that a move leaves what it moved in its old place.
	ReadWindow = 15 * time.Second
	// firstWait bounds how long a call waits for the first read of the fences.
	firstWait = 2 * time.Second
	// readyGrace is how much longer than the first shard another one may take to be ready: those who
	// probe the process wait for a second.
	readyGrace = 500 * time.Millisecond
	// refusedFor is how long a shard that refused a write counts as down, unless it takes one. It is
	// longer than the pauses of those who try again.
	refusedFor = 15 * time.Second
)

// migrateBackoff is how long a schema that could not be applied waits for the next try.
var migrateBackoff = retry.Backoff{Min: 250 * time.Millisecond, Max: 15 * time.Second}

var (
	errStarting = fmt.Errorf("%w: it was not reached yet", store.ErrUnavailable)
	errSlow     = fmt.Errorf("%w: it is slower than the others by %s", store.ErrUnavailable, readyGrace)
	errStale    = fmt.Errorf("%w: nothing was heard of it for %s", store.ErrUnavailable, fencesTTL)
)

// member is one shard with its fences, which are a lease on reading it: without them it is
// not known which buckets it has. It is up while it answers the polls and takes what is written.
type member struct {
	Engine
	name string
	log  *slog.Logger
	// alone is set when there is no other shard; nothing can move then.
	alone bool
	// reroute is called with news of the fences, and returns once the routes follow them.
	reroute func(update func() (news bool))

	first     chan struct{} // Closed after the first try to reach it.
	firstOnce sync.Once

	mu       sync.Mutex
	migrated bool
	readAt   time.Time // When the read began that returned fences.
	fences   Fences
	down     error // Of the last try to reach it; nil when it answered.
	// refused is why the last write failed, at refusedAt; nil when it was taken.
	refused   error
	refusedAt time.Time
}

// refresh reads the fences. When it returns nil the routes are as new as the call.
func (m *member) refresh(ctx context.Context) error {
	reading, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	began := time.Now()
	fences, err := m.Fences(store.Fresh(reading))
	if err == nil {
		m.reroute(func() bool { return m.update(began, fences) })
	}
	if ctx.Err() == nil { // Else it says nothing about the shard.
		m.note(err)
	}
	if err != nil {
		return fmt.Errorf("shard %s: %w", m.name, unavailable(err))
	}
	return nil
}

// update keeps the fences unless a read that began later returned others.
func (m *member) update(began time.Time, fences Fences) (news bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if began.Before(m.readAt) {
		return false
	}
	news = m.readAt.IsZero() || !maps.Equal(m.fences, fences)
	m.readAt, m.fences = began, fences
	return news
}

// note keeps how a try to reach the shard ended.
func (m *member) note(err error) {
	m.change(func() { m.down = err })
	m.firstOnce.Do(func() { close(m.first) })
}

// noteWrite keeps whether the shard took a write. A write that it refused for what is in it, or
// whose caller left, says nothing against it.
func (m *member) noteWrite(err error) {
	switch {
	case errors.Is(err, context.Canceled):
		return
	case !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded):
		err = nil
	}
	m.change(func() { m.refused, m.refusedAt = err, time.Now() })
}

// change updates the health of the shard, and logs when it goes down or comes up.
func (m *member) change(update func()) {
	m.mu.Lock()
	before := m.failureLocked()
	update()
	err := m.failureLocked()
	m.mu.Unlock()
	switch {
	case err != nil && before == nil:
		m.log.Warn("shard is down; its users' events wait in the queue", slog.String("shard", m.name), slog.Any("error", err))
	case err == nil && before != nil:
		m.log.Info("shard is up again", slog.String("shard", m.name))
	}
}

// run brings the schema up to date and then polls the fences, until ctx ends.
func (m *member) run(ctx context.Context) {
	if !m.migrate(ctx) {
		return
	}
	for {
		if err := m.refresh(ctx); err == nil && m.alone {
			return
		}
		if !retry.Sleep(ctx, pollEvery) {
			return
		}
	}
}

// migrate tries until the schema is current; it returns false when ctx ended before. Even
// an error that an operator has to correct is tried again: it may be corrected meanwhile.
func (m *member) migrate(ctx context.Context) bool {
	engine, ok := m.Engine.(migrator)
	done := !ok || migrateBackoff.Until(ctx, func() bool {
		err := engine.Migrate(ctx)
		if err != nil && ctx.Err() == nil {
			m.note(fmt.Errorf("its schema: %w", unavailable(err)))
		}
		return err == nil
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.migrated = done
	return done
}

// usable waits for the first try to reach the shard, and returns why nothing can be recorded
// there.
func (m *member) usable(ctx context.Context) error {
	if err := m.awaitFirst(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.migrated {
		return fmt.Errorf("shard %s: %w", m.name, m.down)
	}
	return nil
}

// readable returns until when answers of the shard count, or why it can't be read. The
// zero time is for ever.
func (m *member) readable(ctx context.Context) (until time.Time, err error) {
	if err := m.awaitFirst(ctx); err != nil {
		return until, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.alone && !m.readAt.IsZero():
		return until, nil
	case time.Since(m.readAt) <= fencesTTL:
		return m.readAt.Add(ReadWindow), nil
	case m.down != nil:
		return until, fmt.Errorf("shard %s: %w", m.name, m.down)
	}
	return until, fmt.Errorf("shard %s: %w", m.name, errStale)
}

// ready returns whether the shard can be used now. One that did not answer the last poll is not asked
// again: that takes time where it hangs.
func (m *member) ready(ctx context.Context) error {
	m.mu.Lock()
	down := m.down
	m.mu.Unlock()
	if down != nil && !m.alone {
		return down
	}
	return m.Ready(ctx)
}

func (m *member) awaitFirst(ctx context.Context) error {
	select {
	case <-m.first:
		return nil
	default:
	}
	switch {
	case retry.Wait(ctx, m.first, firstWait):
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("shard %s: %w: %w", m.name, store.ErrUnavailable, ctx.Err())
	}
	return fmt.Errorf("shard %s: %w", m.name, errStarting)
}

// unavailable makes every error of a shard an ErrUnavailable, so that none counts against an event.
func unavailable(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// known returns the fences that were read last.
func (m *member) known() Fences {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fences
}

// failure returns why the shard is down; nil when it is up.
func (m *member) failure() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failureLocked()
}

func (m *member) failureLocked() error {
	if m.down == nil && time.Since(m.refusedAt) < refusedFor {
		return m.refused
	}
	return m.down
}
