package session

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/retry"
)

// MinTTL is the shortest TTL.
const MinTTL = time.Second

const (
	defaultTTL     = 24 * time.Hour
	defaultMaxTTL  = 30 * 24 * time.Hour
	defaultMaxSize = 64 << 10
	// maxTries bounds the optimistic retries of a write. One of the writers succeeds each time,
	// so it is more than there are writers of one session.
	maxTries = 64
)

// conflictBackoff is the pause before such a retry.
var conflictBackoff = retry.Backoff{Min: 2 * time.Millisecond, Max: 50 * time.Millisecond, Jitter: 1}

// Config is what Sessions are made of.
type Config struct {
	// Engine keeps the sessions. Required.
	Engine Engine
	// TTL is that of a write without one. Default 24h.
	TTL time.Duration
	// MaxTTL is the longest TTL of a write. Default 30 days.
	MaxTTL time.Duration
	// MaxSize bounds a document, in bytes. Default 64 KiB.
	MaxSize int
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

// Sessions reads and writes sessions. It may be used concurrently.
type Sessions struct {
	cfg     Config
	metrics *metrics
	now     func() time.Time
}

// New returns the sessions of an engine. It fails when TTL is longer than MaxTTL.
func New(cfg Config) (*Sessions, error) {
	cfg.TTL = cmp.Or(cfg.TTL, defaultTTL)
	cfg.MaxTTL = cmp.Or(cfg.MaxTTL, defaultMaxTTL)
	cfg.MaxSize = cmp.Or(cfg.MaxSize, defaultMaxSize)
	if cfg.TTL < MinTTL || cfg.TTL > cfg.MaxTTL {
		return nil, fmt.Errorf("%w: the default %s must be from %s to the maximum %s", ErrTTL, cfg.TTL, MinTTL, cfg.MaxTTL)
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	return &Sessions{cfg: cfg, metrics: m, now: time.Now}, nil
}

// MaxSize bounds a document, in bytes.
func (s *Sessions) MaxSize() int { return s.cfg.MaxSize }

// MaxTTL is the longest time to live.
func (s *Sessions) MaxTTL() time.Duration { return s.cfg.MaxTTL }

// Get returns a session, or ErrNotFound.
func (s *Sessions) Get(ctx context.Context, key Key) (found *Session, err error) {
	defer func() { s.metrics.count(opGet, err) }()
	if err := key.check(); err != nil {
		return nil, err
	}
	return s.cfg.Engine.Load(ctx, key, s.now())
}

// Put creates a session and returns true, or replaces it and returns false. It expires after
// ttl, or after the default when that is 0. Errors that the caller can correct are ErrKey,
// ErrTTL, ErrDocument, ErrTooLarge, ErrTooDeep, ErrCondition and ErrBusy.
func (s *Sessions) Put(
	ctx context.Context, key Key, document []byte, ttl time.Duration, when Condition,
) (written *Session, created bool, err error) {
	defer func() { s.metrics.count(opPut, err) }()
	if err := s.check(document); err != nil {
		return nil, false, err
	}
	return s.write(ctx, key, ttl, when, func([]byte) ([]byte, error) { return document, nil })
}

// Patch applies a merge patch (RFC 7396) to a session, or to an empty one where none is.
// Otherwise it is like Put.
func (s *Sessions) Patch(
	ctx context.Context, key Key, patch []byte, ttl time.Duration, when Condition,
) (written *Session, created bool, err error) {
	defer func() { s.metrics.count(opPatch, err) }()
	if err := s.check(patch); err != nil {
		return nil, false, err
	}
	return s.write(ctx, key, ttl, when, func(document []byte) ([]byte, error) {
		merged, err := mergePatch(document, patch)
		if err == nil && len(merged) > s.cfg.MaxSize {
			err = ErrTooLarge
		}
		return merged, err
	})
}

// Delete removes a session. It returns ErrNotFound when there is none and no condition asks
// for one, ErrCondition, or ErrBusy.
func (s *Sessions) Delete(ctx context.Context, key Key, when Condition) (err error) {
	defer func() { s.metrics.count(opDelete, err) }()
	return s.retry(ctx, key, when, func(_ time.Time, was *Session) error {
		if was == nil {
			return ErrNotFound
		}
		return s.cfg.Engine.Remove(ctx, key, was.Version)
	})
}

// DeleteUser removes all sessions that a user has when it begins. Concurrent writes don't
// restore what they had read before; what they add may stay.
func (s *Sessions) DeleteUser(ctx context.Context, user string) (err error) {
	defer func() { s.metrics.count(opDeleteUser, err) }()
	if err := (Key{Bot: "any", User: user}).check(); err != nil {
		return err
	}
	return s.cfg.Engine.RemoveUser(ctx, user)
}

// ListUser returns all sessions of a user, unordered, with one at a time in memory. It ends
// after an error.
func (s *Sessions) ListUser(ctx context.Context, user string) iter.Seq2[*Session, error] {
	return func(yield func(*Session, error) bool) {
		var err error
		defer func() { s.metrics.count(opListUser, err) }()
		if err = s.listUser(ctx, user, yield); err != nil {
			yield(nil, err)
		}
	}
}

func (s *Sessions) listUser(ctx context.Context, user string, yield func(*Session, error) bool) error {
	if err := (Key{Bot: "any", User: user}).check(); err != nil {
		return err
	}
	bots, err := s.cfg.Engine.Bots(ctx, user)
	if err != nil {
		return err
	}
	for _, bot := range bots {
		found, err := s.cfg.Engine.Load(ctx, Key{bot, user}, s.now())
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return err
		case !yield(found, nil):
			return nil
		}
	}
	return nil
}

// Ready returns nil when sessions can be read and written.
func (s *Sessions) Ready(ctx context.Context) error { return s.cfg.Engine.Ready(ctx) }

func (s *Sessions) check(document []byte) error {
	if len(document) > s.cfg.MaxSize {
		return ErrTooLarge
	}
	return checkObject(document)
}

// write stores what edit makes of the current document, which is nil without a session.
func (s *Sessions) write(
	ctx context.Context, key Key, ttl time.Duration, when Condition, edit func([]byte) ([]byte, error),
) (next *Session, created bool, err error) {
	if ttl = cmp.Or(ttl, s.cfg.TTL); ttl < MinTTL || ttl > s.cfg.MaxTTL {
		return nil, false, ErrTTL
	}
	err = s.retry(ctx, key, when, func(at time.Time, was *Session) error {
		if created = was == nil; created {
			was = &Session{}
		}
		document, err := edit(was.Data)
		if err != nil {
			return err
		}
		next = &Session{Key: key, Version: rand.Text(), Data: document, UpdatedAt: at, ExpiresAt: at.Add(ttl)}
		return s.cfg.Engine.Store(ctx, next, was.Version)
	})
	if err != nil {
		return nil, false, err
	}
	return next, created, nil
}

// retry reads the session, nil for none, checks the condition and calls do, until that meets
// no other writer's version.
func (s *Sessions) retry(ctx context.Context, key Key, when Condition, do func(at time.Time, was *Session) error) error {
	if err := key.check(); err != nil {
		return err
	}
	for try := range maxTries {
		if try > 0 { // The pause is random, so that writers that met don't meet again.
			s.metrics.retries.Inc()
			if !retry.Sleep(ctx, conflictBackoff.Delay(try)) {
				return ctx.Err()
			}
		}
		at := s.now().UTC().Truncate(time.Microsecond)
		was, err := s.cfg.Engine.Load(ctx, key, at)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if !when.holds(was) {
			return ErrCondition
		}
		if err := do(at, was); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrBusy
}
