// Package jwks keeps the published keys of identity providers and platforms at hand:
// requests never wait for a provider while there are keys, and removed keys stop working.
package jwks

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/botgate/botgate/internal/background"
	"github.com/botgate/botgate/internal/retry"
)

// Defaults of [Config].
const (
	defaultRefresh  = 10 * time.Minute
	defaultMaxStale = 24 * time.Hour
	defaultTimeout  = 5 * time.Second
	defaultWait     = 2 * time.Second
	defaultMaxBody  = 1 << 20
)

const (
	// A source is asked out of turn for unknown key ids this often, however many come. It is also how
	// long strangers with invented ones can keep the keys of a rotation from a good client.
	refetchEvery = 5 * time.Second
	refetchBurst = 3

	firstRetry = time.Second
	lastRetry  = time.Minute
)

// errUnavailable means that no keys could be had, which says nothing about the token: the
// answer is 503 and never 401.
var errUnavailable = errors.New("no keys could be had")

// Config says where keys are. Exactly one of URL, Issuer and MetadataURL is set; all must
// be https, or http on loopback. What the provider names beside is no further inside than
// the configured host: see [outbound.Beside].
type Config struct {
	// URL is the address of a JSON Web Key Set.
	URL string
	// Issuer is an OpenID provider, whose metadata names the address.
	Issuer string
	// MetadataURL is the address of such metadata, of any issuer.
	MetadataURL string
	// Refresh is how often the keys are fetched. Default: 10m, give or take a tenth.
	Refresh time.Duration
	// MaxStale is how long keys are used that can't be fetched again. Default: 24h.
	MaxStale time.Duration
	// Timeout bounds one request. Default: 5s.
	Timeout time.Duration
	// Wait bounds how long a caller waits for keys. Default: 2s.
	Wait time.Duration
	// MaxBody is the largest answer in bytes. Default: 1 MB.
	MaxBody int64
	// Logger gets a warning when keys can't be fetched. Required.
	Logger *slog.Logger
}

func (c *Config) setDefaults() {
	c.Refresh = cmp.Or(c.Refresh, defaultRefresh)
	c.MaxStale = cmp.Or(c.MaxStale, defaultMaxStale)
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.Wait = cmp.Or(c.Wait, defaultWait)
	c.MaxBody = cmp.Or(c.MaxBody, defaultMaxBody)
}

// source follows one key set. It may be used concurrently.
type source struct {
	*background.Tasks
	config  Config
	fetcher *fetcher
	current atomic.Pointer[Document]
	// fetched is when the keys were last had, in Unix nanoseconds.
	fetched atomic.Int64

	// first is closed after the first fetch, whatever came of it.
	first chan struct{}
	// asked wakes the goroutine that fetches.
	asked  retry.Wake
	tokens *rate.Limiter

	mu sync.Mutex
	// pending is the fetch that was asked for; nil when none was.
	pending *asking

	// ended is closed when nothing is fetched any more.
	ended chan struct{}
}

// asking is a fetch out of turn, which all share who ask for one.
type asking struct {
	// due is when it may begin.
	due time.Time
	// done is closed after it; ok says, from then on, whether it brought keys.
	done chan struct{}
	ok   bool
}

func newSource(c Config) *source {
	s := &source{
		Tasks: background.New(), config: c, fetcher: newFetcher(c),
		first: make(chan struct{}), asked: retry.NewWake(), ended: make(chan struct{}),
		tokens: rate.NewLimiter(rate.Every(refetchEvery), refetchBurst),
	}
	s.Go(s.run)
	return s
}

// latest returns the keys at hand. It waits only for the first ones, and no longer than
// Config.Wait; then, or when the keys are too old, the error is errUnavailable.
func (s *source) latest(ctx context.Context) (*Document, error) {
	if document := s.usable(); document != nil {
		return document, nil
	}
	s.await(ctx, s.first)
	if document := s.usable(); document != nil {
		return document, nil
	}
	return nil, errUnavailable
}

// refetch is for a request whose key is not in the version that was seen. It returns the keys
// of the provider at this time. All callers share one fetch, and there are only so many fetches:
// what is unknown to the provider too must not become a flood there. Where it could not be found
// out in time whether there are newer keys, the error is errUnavailable.
func (s *source) refetch(ctx context.Context, seen uint64) (*Document, error) {
	if document := s.usable(); document != nil && document.Version != seen {
		return document, nil
	}
	pending := s.ask()
	if time.Now().Before(pending.due) {
		return nil, errUnavailable
	}
	s.await(ctx, pending.done)
	select {
	case <-pending.done:
		if document := s.usable(); document != nil && pending.ok {
			return document, nil
		}
	default:
	}
	return nil, errUnavailable
}

// usable returns the keys unless they are too old.
func (s *source) usable() *Document {
	if time.Since(time.Unix(0, s.fetched.Load())) > s.config.MaxStale {
		return nil
	}
	return s.current.Load()
}

// ask makes the fetcher's goroutine fetch as soon as it may.
func (s *source) ask() *asking {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == nil {
		s.pending = &asking{due: time.Now().Add(s.tokens.Reserve().Delay()), done: make(chan struct{})}
		s.asked.Signal()
	}
	return s.pending
}

func (s *source) await(ctx context.Context, what <-chan struct{}) {
	timer := time.NewTimer(s.config.Wait)
	defer timer.Stop()
	select {
	case <-what:
	case <-timer.C:
	case <-s.ended:
	case <-ctx.Done():
	}
}

// run makes all fetches, one after the other.
func (s *source) run(ctx context.Context) {
	defer close(s.ended)
	defer s.fetcher.client.CloseIdleConnections()
	failures := s.refresh(ctx, 0)
	close(s.first)
	for s.turn(ctx, time.Now().Add(s.pause(failures))) {
		failures = s.refresh(ctx, failures)
		s.answer(failures == 0)
	}
}

// turn waits for the time of the next fetch, or of the one that was asked for, whichever is
// sooner. It returns false when the context ended first.
func (s *source) turn(ctx context.Context, next time.Time) bool {
	for retry.Wait(ctx, s.asked, time.Until(next)) {
		s.mu.Lock()
		if s.pending != nil && s.pending.due.Before(next) {
			next = s.pending.due
		}
		s.mu.Unlock()
	}
	return ctx.Err() == nil
}

// answer lets those go on who asked for a fetch.
func (s *source) answer(ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending != nil {
		s.pending.ok = ok
		close(s.pending.done)
		s.pending = nil
	}
}

// pause is the time until the next fetch. It is random in part, which keeps many gateways
// from asking at the same moment.
func (s *source) pause(failures int) time.Duration {
	if failures > 0 {
		return retry.Backoff{Min: firstRetry, Max: min(lastRetry, s.config.Refresh), Jitter: 0.2}.Delay(failures)
	}
	return retry.Backoff{Min: s.config.Refresh + s.config.Refresh/10, Jitter: 0.2}.Delay(1)
}

// refresh fetches the keys and returns how many fetches failed in a row by now.
func (s *source) refresh(ctx context.Context, failures int) int {
	raw, err := s.fetcher.fetch(ctx)
	if err == nil {
		err = s.replace(ctx, raw)
	}
	if err == nil {
		fetchesTotal.WithLabelValues(fetchOK).Inc()
		return 0
	}
	if ctx.Err() == nil {
		fetchesTotal.WithLabelValues(fetchFailed).Inc()
		s.config.Logger.WarnContext(ctx, "keys could not be fetched, those at hand stay in use", slog.Any("error", err))
	}
	return failures + 1
}

// replace puts a new set in the place of the old one, whose keys then stop working.
func (s *source) replace(ctx context.Context, raw []byte) error {
	old, version := s.current.Load(), uint64(1)
	if old != nil {
		version = old.Version + 1
	}
	if old == nil || !bytes.Equal(old.Raw, raw) {
		keys, leftOut, err := parse(raw)
		if err != nil {
			return err
		}
		if leftOut != nil {
			s.config.Logger.WarnContext(ctx, "keys of a set can't be used and are left out", slog.Any("error", leftOut))
		}
		s.current.Store(&Document{Raw: raw, Keys: keys, Version: version})
	}
	s.fetched.Store(time.Now().UnixNano())
	return nil
}
