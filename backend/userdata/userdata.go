// Package userdata hands out everything that is kept of a user, and removes it.
package userdata

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/store"
)

// maxForgotten is how many events a cache is told of by name.
const maxForgotten = 10_000

// Store is what is asked of the store.
type Store interface {
	Get(ctx context.Context, id string) (*store.Record, error)
	List(ctx context.Context, q store.Query) (*store.Page, error)
	Erase(ctx context.Context, subject string, before time.Time) (store.Erased, error)
}

// Sessions is what is asked of the sessions.
type Sessions interface {
	ListUser(ctx context.Context, user string) iter.Seq2[*session.Session, error]
	DeleteUser(ctx context.Context, user string) error
}

// Config is what a Keeper is made of.
type Config struct {
	// Store has the events. Required.
	Store Store
	// Sessions has what bots remember. Required.
	Sessions Sessions
	// Forget is told whose events were erased, and which: the ids are nil when they are too
	// many to be named. Default: nobody is told.
	Forget func(ctx context.Context, user string, ids []string)
}

// Keeper reads and erases what is kept of users.
type Keeper struct{ cfg Config }

// New makes a Keeper.
func New(cfg Config) *Keeper {
	if cfg.Forget == nil {
		cfg.Forget = func(context.Context, string, []string) {}
	}
	return &Keeper{cfg}
}

// Item is one thing that is kept of a user: an event with its attempts and body, or a session.
type Item struct {
	Event   *store.Record
	Session *session.Session
}

// Export goes through what is kept of a user at a bot, or at all bots for "": events, newest
// first, then sessions. The first error is the last thing it yields.
func (k *Keeper) Export(ctx context.Context, user, bot string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		err := k.events(ctx, user, bot, func(r *store.Record) bool { return yield(Item{Event: r}, nil) })
		if err == nil {
			err = k.sessions(ctx, user, bot, func(s *session.Session) bool { return yield(Item{Session: s}, nil) })
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(Item{}, err)
		}
	}
}

// errEnough ends an export that nobody wants more of.
var errEnough = errors.New("enough")

func (k *Keeper) events(ctx context.Context, user, bot string, show func(*store.Record) bool) error {
	for q := (store.Query{Subject: user, Bot: bot, Limit: store.MaxLimit}); ; {
		page, err := k.cfg.Store.List(store.Fresh(ctx), q)
		if err != nil {
			return fmt.Errorf("listing a user's events: %w", err)
		}
		for _, listed := range page.Records {
			r, err := k.cfg.Store.Get(store.Fresh(ctx), listed.Event.ID)
			switch {
			case errors.Is(err, store.ErrNotFound): // Gone meanwhile.
			case err != nil:
				return fmt.Errorf("reading an event of a user: %w", err)
			case !show(r):
				return errEnough
			}
		}
		if page.Next == nil {
			return nil
		}
		q.After = *page.Next
	}
}

func (k *Keeper) sessions(ctx context.Context, user, bot string, show func(*session.Session) bool) error {
	for s, err := range k.cfg.Sessions.ListUser(ctx, user) {
		switch {
		case err != nil:
			return fmt.Errorf("reading a user's sessions: %w", err)
		case bot != "" && s.Bot != bot:
		case !show(s):
			return errEnough
		}
	}
	return nil
}

// Erase removes what was accepted of a user until now, and their sessions. What is still on
// its way is left out when it arrives. It returns how many events were removed, and can be
// called again after an error.
func (k *Keeper) Erase(ctx context.Context, user string) (events int64, err error) {
	now := time.Now()
	ids, err := k.ids(ctx, user)
	if err != nil {
		return 0, err
	}
	// Whoever read an event before it was erased may have put it into a cache just now.
	defer func() { k.cfg.Forget(context.WithoutCancel(ctx), user, ids) }()
	if err := k.cfg.Sessions.DeleteUser(ctx, user); err != nil {
		return 0, fmt.Errorf("removing a user's sessions: %w", err)
	}
	erased, err := k.cfg.Store.Erase(ctx, user, now)
	if err != nil {
		return erased.Events, fmt.Errorf("erasing a user's events: %w", err)
	}
	return erased.Events, nil
}

// ids are those of a user's events; nil when they are too many.
func (k *Keeper) ids(ctx context.Context, user string) ([]string, error) {
	ids := []string{}
	for q := (store.Query{Subject: user, Limit: store.MaxLimit}); len(ids) < maxForgotten; {
		page, err := k.cfg.Store.List(store.Fresh(ctx), q)
		if err != nil {
			return nil, fmt.Errorf("listing a user's events: %w", err)
		}
		for _, r := range page.Records {
			ids = append(ids, r.Event.ID)
		}
		if page.Next == nil {
			return ids, nil
		}
		q.After = *page.Next
	}
	return nil, nil
}
