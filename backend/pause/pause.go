// Package pause keeps which bots are paused: what is for them waits in the queue until somebody resumes them.
package pause

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/botgate/botgate/internal/retry"
)

const (
	// interval is how soon a pause works everywhere.
	interval = time.Second
	// loadTimeout bounds one look.
	loadTimeout = 2 * time.Second
)

// ErrUnavailable means that who keeps the pauses can't be reached or fails.
var ErrUnavailable = errors.New("pauses are unavailable")

// State says whether a bot is paused.
type State struct {
	// Paused is set until somebody resumes the bot, and Since is when either happened, in microseconds.
	Paused bool      `json:"paused"`
	Since  time.Time `json:"since,omitzero"`
	// By is the user who asked for it; empty where nobody was named.
	By string `json:"by,omitempty"`
}

// Store keeps the states of bots, those that were never paused left out. Errors are ErrUnavailable.
type Store interface {
	Load(ctx context.Context) (map[string]State, error)
	Set(ctx context.Context, bot string, s State) error
}

// Pauses follows a store. They may be used concurrently.
type Pauses struct {
	store   Store
	log     *slog.Logger
	states  atomic.Pointer[map[string]State] // Nil until they were read.
	changed func(map[string]State)
	// mu is held from a look at the store until it is known: an older look must not undo a newer one.
	mu sync.Mutex
}

// New makes the pauses of a store. Changed is called with the states where they are others than before, by Run and Set,
// one at a time; it may be nil. The logger may be nil.
func New(store Store, changed func(map[string]State), log *slog.Logger) *Pauses {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if changed == nil {
		changed = func(map[string]State) {}
	}
	return &Pauses{store: store, log: log, changed: changed}
}

// Known reports whether the states were read: before that nobody can say that a bot is not paused.
func (p *Pauses) Known() bool { return p.states.Load() != nil }

// All are the states as they were known last; none until they are known.
func (p *Pauses) All() map[string]State {
	if states := p.states.Load(); states != nil {
		return *states
	}
	return nil
}

// Set pauses or resumes a bot, here at once and elsewhere within about a second, and returns how it is then. A bot that is
// so already stays as it is.
func (p *Pauses) Set(ctx context.Context, bot string, paused bool, by string) (State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	states, err := p.store.Load(ctx)
	if err != nil {
		return State{}, err
	}
	if was, known := states[bot]; was.Paused == paused && (known || !paused) {
		return was, nil
	}
	s := State{Paused: paused, Since: time.Now().UTC().Truncate(time.Microsecond), By: by}
	if err := p.store.Set(ctx, bot, s); err != nil {
		return State{}, err
	}
	states[bot] = s
	p.take(states)
	return s, nil
}

// Run follows the store until the context ends. While it is unavailable, the last states stay.
func (p *Pauses) Run(ctx context.Context) error {
	for well := true; ; {
		err := p.Refresh(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil && well:
			p.log.Warn("it can't be found out which bots are paused, those known stay so", slog.Any("error", err))
		case err == nil && !well:
			p.log.Info("it can be found out again which bots are paused")
		}
		if well = err == nil; !retry.Sleep(ctx, interval) {
			return nil
		}
	}
}

// Refresh looks at the store once, in bounded time.
func (p *Pauses) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	states, err := p.store.Load(ctx)
	if err == nil {
		p.take(states)
	}
	return err
}

// take has the states known, once everybody goes by them. The lock is held.
func (p *Pauses) take(states map[string]State) {
	if !maps.Equal(p.All(), states) {
		p.changed(states)
	}
	p.states.Store(&states)
}
