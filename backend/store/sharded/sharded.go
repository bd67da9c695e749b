// Package sharded is a store over several databases. Each of the 1024 buckets of users,
// which every event's id names, is kept by one of these shards: by the one that the shards
// file names, or where the fences lead that package rebalance leaves in the databases.
package sharded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// parallel bounds how many shards one call asks at once.
const parallel = 16

// Config says which shards there are.
type Config struct {
	// Map has the shards and their buckets. Required.
	Map Map
	// Open opens one of them; its server need not be up. An engine with a method Migrate
	// has it called in the background, again and again until it succeeds. Required.
	Open func(ctx context.Context, shard Shard) (Engine, error)
	// Logger gets which shards go down and come up. Default: discard.
	Logger *slog.Logger
	// Registerer gets the metrics. Default: none.
	Registerer prometheus.Registerer
}

// Store is a [store.Store] over shards. One that is down degrades its users only: calls
// for them fail with [store.ErrUnavailable], lists across users go without them and say so
// ([store.Page.Missing]), and the rest goes on.
//
// What was recorded in a shard that got buckets a moment ago may not be seen for up to a
// second, and for 5 s at most; contexts of [store.Fresh] see it at once.
type Store struct {
	configured [event.Buckets]string
	members    []*member // Sorted by name.
	log        *slog.Logger
	rerouted   prometheus.Counter

	routes  atomic.Pointer[Routes]
	routing sync.Mutex

	stop    context.CancelFunc
	running sync.WaitGroup
	closing sync.Once
	closed  error
}

var _ store.Store = (*Store)(nil)

// Open opens the shards and begins to poll their fences. Errors name the shard.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.Map.Check(); err != nil {
		return nil, err
	}
	s := &Store{configured: cfg.Map.Owners, log: cfg.Logger, rerouted: newRerouted()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, shard := range cfg.Map.Shards {
		engine, err := cfg.Open(ctx, shard)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("shard %s: %w", shard.Name, err), s.closeEngines())
		}
		s.members = append(s.members, &member{
			Engine: engine, name: shard.Name, log: s.log, alone: len(cfg.Map.Shards) == 1,
			reroute: s.reroute, first: make(chan struct{}),
		})
	}
	slices.SortFunc(s.members, func(a, b *member) int { return strings.Compare(a.name, b.name) })
	if err := s.register(cfg.Registerer); err != nil {
		return nil, errors.Join(err, s.closeEngines())
	}
	s.reroute(func() bool { return true })
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, m := range s.members {
		s.running.Go(func() { m.run(ctx) })
	}
	return s, nil
}

// Close ends the polling and closes the shards. It is safe to call twice.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.stop()
		s.running.Wait()
		s.closed = s.closeEngines()
	})
	return s.closed
}

func (s *Store) closeEngines() error {
	var errs []error
	for _, m := range s.members {
		if err := m.Close(); err != nil {
			errs = append(errs, fmt.Errorf("shard %s: %w", m.name, err))
		}
	}
	return errors.Join(errs...)
}

// Ready returns nil when at least one shard is ready: the users of the others wait, which
// taking this process out of use would not help. [Store.Check] names those.
func (s *Store) Ready(ctx context.Context) error {
	away, err := s.Check(ctx)
	if len(away) < len(s.members) {
		return nil
	}
	return err
}

// Check names the shards that are not ready, in alphabetical order, and returns why. One that hangs
// does not hold up the answer of the others by more than readyGrace.
func (s *Store) Check(ctx context.Context) (away []string, why error) {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	errs := s.onEach(ctx, func(_ int, m *member) error {
		err := m.ready(ctx)
		if err == nil {
			time.AfterFunc(readyGrace, enough)
		}
		return err
	})
	for i, m := range s.members {
		if errors.Is(errs[i], context.Canceled) {
			errs[i] = fmt.Errorf("shard %s: %w", m.name, errSlow)
		}
		if errs[i] != nil {
			away = append(away, m.name)
		}
	}
	return away, errors.Join(errs...)
}

// Names are the shards in alphabetical order.
func (s *Store) Names() []string {
	names := make([]string, len(s.members))
	for i, m := range s.members {
		names[i] = m.name
	}
	return names
}

// Engine is the shard with a name, for what is done in each of them by itself. It fails
// with [store.ErrUnavailable] for one that is not configured.
func (s *Store) Engine(name string) (Engine, error) {
	if m := s.member(name); m != nil {
		return m.Engine, nil
	}
	return nil, unknown(name)
}

// ShardOf names the shard that an entry is recorded in.
func (s *Store) ShardOf(e store.Entry) string { return s.routes.Load().Owners[e.Bucket] }

// Survey reads the fences of all shards and returns the routes by them. The error joins those
// of shards that are down, whose fences are those that were read last.
func (s *Store) Survey(ctx context.Context) (*Routes, error) {
	errs := s.onEach(ctx, func(_ int, m *member) error { return m.refresh(ctx) })
	return s.routes.Load(), errors.Join(errs...)
}

func (s *Store) member(name string) *member {
	for _, m := range s.members {
		if m.name == name {
			return m
		}
	}
	return nil
}

// reroute computes the routes anew if update changed the fences; both become visible at once.
func (s *Store) reroute(update func() (news bool)) {
	s.routing.Lock()
	defer s.routing.Unlock()
	if !update() {
		return
	}
	fences := map[string]Fences{}
	for _, m := range s.members {
		fences[m.name] = m.known()
	}
	s.routes.Store(route(s.configured, fences))
}

// unknown is the error for a bucket that went to a shard which this process does not know.
func unknown(name string) error {
	return fmt.Errorf("%w: a bucket moved to shard %q, which the shards file of this process does not name; add it there, and start the process again",
		store.ErrUnavailable, name)
}

// onEach calls f for every shard that can be used, and returns an error for each.
func (s *Store) onEach(ctx context.Context, f func(i int, m *member) error) []error {
	errs := make([]error, len(s.members))
	s.each(s.members, func(i int, m *member) {
		if errs[i] = m.usable(ctx); errs[i] != nil {
			return
		}
		if err := f(i, m); err != nil {
			errs[i] = fmt.Errorf("shard %s: %w", m.name, err)
		}
	})
	return errs
}

// each calls f for members, some at once, and waits.
func (s *Store) each(members []*member, f func(i int, m *member)) {
	if len(members) == 1 {
		f(0, members[0])
		return
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, m := range members {
		group.Go(func() error {
			f(i, m)
			return nil
		})
	}
	_ = group.Wait()
}
