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
)

// Engine is what a shard has to be; store/postgres and store/sqlite are.
type Engine interface {
	store.Store
	store.Maintainer
	// User, Stats and Log read the history: see [store.UserQuery], [store.StatsQuery]
	// and [store.LogQuery].
	User(ctx context.Context, q store.UserQuery) (*store.User, error)
	Stats(ctx context.Context, q store.StatsQuery) ([]store.Minute, error)
	Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error)
	// SQL returns the database, for other parts of the backend that keep tables there.
	SQL() sqldb.DB
}

// migrator is an engine whose schema is brought up to date after it was opened.
type migrator interface {
	Migrate(ctx context.Context) error
}

const (
	// every is the time between two looks at the marks of a shard.
	every = time.Second
	// lookTimeout bounds one.
	lookTimeout = 3 * time.Second
	// fresh is how old what is known of a shard's marks may be for reads of it. So long
	// at most what was recorded elsewhere after a move can't be seen.
	fresh = 5 * time.Second
	// readTime is how long after a look at its marks a shard's answers count: as long as
	// a move leaves alone what it moved away; see [Grace].
	readTime = 15 * time.Second
	// firstWait bounds how long a call waits for the first look after the start.
	firstWait = 2 * time.Second
	// How long a schema that could not be applied waits for the next try.
	minMigrate, maxMigrate = 250 * time.Millisecond, 15 * time.Second
)

var (
	errStarting = fmt.Errorf("%w: it was not reached yet", store.ErrUnavailable)
	errStale    = fmt.Errorf("%w: nothing was heard of it for %s", store.ErrUnavailable, fresh)
)

// member is one shard and what is known about it.
type member struct {
	Engine
	name string
	log  *slog.Logger
	// alone is set when there is no other shard; nothing can move then.
	alone bool
	// changed is told of marks that differ from those before.
	changed func()

	first     chan struct{} // Closed after the first try to reach it.
	firstOnce sync.Once

	mu       sync.Mutex
	migrated bool
	looked   time.Time // When the look began that found moved.
	moved    marks
	failure  error // Of the last try; nil when the shard is there.
}

// look reads the marks. What another look, which began later, found stays.
func (m *member) look(ctx context.Context) error {
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	began := time.Now()
	moved, err := m.Fences(store.Fresh(looking))
	if ctx.Err() == nil { // Else it says nothing about the shard.
		m.note(err)
	}
	if err != nil {
		return fmt.Errorf("shard %s: %w", m.name, unavailable(err))
	}
	m.mu.Lock()
	news := !began.Before(m.looked)
	if news {
		news = m.looked.IsZero() || !maps.Equal(m.moved, moved)
		m.looked, m.moved = began, moved
	}
	m.mu.Unlock()
	if news {
		m.changed()
	}
	return nil
}

// note keeps how a try to reach the shard ended, and logs changes only.
func (m *member) note(err error) {
	m.mu.Lock()
	before, starting := m.failure, m.looked.IsZero()
	m.failure = err
	m.mu.Unlock()
	switch {
	case err != nil && before == nil:
		m.log.Warn("shard is away; its users' events wait in the queue", slog.String("shard", m.name), slog.Any("error", err))
	case err == nil && before != nil && !starting:
		m.log.Info("shard is back", slog.String("shard", m.name))
	}
	m.firstOnce.Do(func() { close(m.first) })
}

// run brings the schema up to date and then keeps looking at the marks, until ctx ends.
func (m *member) run(ctx context.Context) {
	if !m.migrate(ctx) {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := m.look(ctx); err == nil && m.alone {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// migrate tries until the schema is current; it returns false when ctx ended before. Even
// an error that an operator has to mend is tried again: it may be mended meanwhile.
func (m *member) migrate(ctx context.Context) bool {
	for delay := minMigrate; ; delay = min(2*delay, maxMigrate) {
		err := error(nil)
		if engine, ok := m.Engine.(migrator); ok {
			err = engine.Migrate(ctx)
		}
		if err == nil {
			m.mu.Lock()
			m.migrated = true
			m.mu.Unlock()
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		m.note(fmt.Errorf("its schema: %w", unavailable(err)))
		select {
		case <-ctx.Done():
			return false
		case <-time.After(delay):
		}
	}
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
		return fmt.Errorf("shard %s: %w", m.name, m.failure)
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
	case m.alone && !m.looked.IsZero():
		return until, nil
	case time.Since(m.looked) <= fresh:
		return m.looked.Add(readTime), nil
	case m.failure != nil:
		return until, fmt.Errorf("shard %s: %w", m.name, m.failure)
	}
	return until, fmt.Errorf("shard %s: %w", m.name, errStale)
}

func (m *member) awaitFirst(ctx context.Context) error {
	select {
	case <-m.first:
		return nil
	default:
	}
	wait := time.NewTimer(firstWait)
	defer wait.Stop()
	select {
	case <-m.first:
		return nil
	case <-wait.C:
		return fmt.Errorf("shard %s: %w", m.name, errStarting)
	case <-ctx.Done():
		return fmt.Errorf("shard %s: %w: %w", m.name, store.ErrUnavailable, ctx.Err())
	}
}

// unavailable makes sure that an error, whatever it says of the shard, is none of an event.
func unavailable(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// known returns the marks that the last look found.
func (m *member) known() marks {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.moved
}

// away returns why the shard is away; nil when it is there.
func (m *member) away() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failure
}
