package app

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/internal/queue/claim"
	"github.com/botgate/botgate/internal/queue/engines"
)

// How long closing an engine may take. A queue waits for the publishes under way.
const (
	closeQueue = 10 * time.Second
	closeStore = 5 * time.Second
)

// needsQueue and needsStore say what the roles of this process work with.
func (a *App) needsQueue() bool {
	return a.settings.Has(config.Record) || a.settings.Has(config.Dispatch)
}

func (a *App) needsStore() bool {
	return a.settings.Has(config.Record) || a.settings.Has(config.API)
}

// openQueue opens the queue unless it was given, which is then its owner's to close.
func (a *App) openQueue(ctx context.Context) error {
	if !a.needsQueue() {
		return nil
	}
	if a.queue == nil {
		q, err := OpenQueue(ctx, a.settings, a.log)
		if err != nil {
			return err
		}
		a.queue = q
		a.onStop(step{"queue", closeQueue, func(ctx context.Context) error { return within(ctx, q.Close) }})
		for _, c := range claim.Collectors() {
			if err := a.registry.Register(c); err != nil {
				return fmt.Errorf("registering a metric of the blob store: %w", err)
			}
		}
	}
	a.health.Add("queue", a.queue.Ready)
	if err := a.registry.Register(newDepths(a.queue)); err != nil {
		return fmt.Errorf("registering the depths of the queue: %w", err)
	}
	return nil
}

// openStore opens the store and has its schema brought up to date.
func (a *App) openStore(ctx context.Context) error {
	if !a.needsStore() {
		return nil
	}
	s, err := a.dialStore(ctx)
	if err != nil {
		return err
	}
	a.store = s
	a.reader.opened.Store(&s)
	a.onStop(step{"store", closeStore, func(ctx context.Context) error { return within(ctx, s.Close) }})
	a.health.Add("store", s.Ready)
	a.migrate(ctx, s)
	return nil
}

func (a *App) dialStore(ctx context.Context) (store.Store, error) {
	if !strings.HasPrefix(a.settings.DatabaseURL, "sqlite:") {
		return postgres.Open(ctx, postgres.Config{URL: a.settings.DatabaseURL, Logger: a.log})
	}
	path, err := engines.SQLitePath(a.settings.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.EnvDatabaseURL, err)
	}
	return sqlite.Open(ctx, sqlite.Config{Path: path})
}

// migrate ends with a.migrated closed: at once for a store that migrates when it is
// opened, else when the database could be reached.
func (a *App) migrate(ctx context.Context, s store.Store) {
	m, ok := s.(interface{ Migrate(context.Context) error })
	if !ok {
		close(a.migrated)
		return
	}
	migration := supervise(ctx, a.log, "schema", func(ctx context.Context) error {
		if err := m.Migrate(ctx); err != nil {
			return err
		}
		close(a.migrated)
		return nil
	})
	a.onStop(step{"schema migration", closeStore, migration.stop})
}

// lateReader is the store for the API, whose handlers are there before it is open.
type lateReader struct{ opened atomic.Pointer[store.Store] }

// Get implements [api.Reader].
func (l *lateReader) Get(ctx context.Context, id string) (*store.Record, error) {
	if s := l.opened.Load(); s != nil {
		return (*s).Get(ctx, id)
	}
	return nil, store.ErrUnavailable
}

// List implements [api.Reader].
func (l *lateReader) List(ctx context.Context, q store.Query) (*store.Page, error) {
	if s := l.opened.Load(); s != nil {
		return (*s).List(ctx, q)
	}
	return nil, store.ErrUnavailable
}

// historian is a store that tells more than what became of events.
type historian interface {
	User(ctx context.Context, q store.UserQuery) (*store.User, error)
	Stats(ctx context.Context, q store.StatsQuery) ([]store.Minute, error)
	Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error)
}

func (l *lateReader) historian() (historian, error) {
	if s := l.opened.Load(); s != nil {
		if h, ok := (*s).(historian); ok {
			return h, nil
		}
	}
	return nil, store.ErrUnavailable
}

// User implements [api.Reader].
func (l *lateReader) User(ctx context.Context, q store.UserQuery) (*store.User, error) {
	h, err := l.historian()
	if err != nil {
		return nil, err
	}
	return h.User(ctx, q)
}

// Stats implements [api.Reader].
func (l *lateReader) Stats(ctx context.Context, q store.StatsQuery) ([]store.Minute, error) {
	h, err := l.historian()
	if err != nil {
		return nil, err
	}
	return h.Stats(ctx, q)
}

// Log implements [api.Reader].
func (l *lateReader) Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error) {
	h, err := l.historian()
	if err != nil {
		return nil, err
	}
	return h.Log(ctx, q)
}
