package jwks

import (
	"context"
	"errors"
	"sync/atomic"
)

// Parsed is a source with what its document was parsed into, once for all requests.
type Parsed[T any] struct {
	source *source
	parse  func(*Document) (T, error)
	last   atomic.Pointer[version[T]]
}

type version[T any] struct {
	number uint64
	value  T
}

// Follow acquires the source of the configuration. A document that does not parse counts
// as unavailable.
func Follow[T any](c Config, parse func(*Document) (T, error)) (*Parsed[T], error) {
	source, err := acquire(c)
	if err != nil {
		return nil, err
	}
	return &Parsed[T]{source: source, parse: parse}, nil
}

// Current returns the keys at hand. It waits only for the first ones, and no longer than
// Config.Wait; then, or when the keys are too old, the error is errUnavailable.
func (p *Parsed[T]) Current(ctx context.Context) (T, error) {
	document, err := p.source.latest(ctx)
	if err != nil {
		var none T
		return none, err
	}
	return p.of(document)
}

// Newest returns the provider's keys of this time, for a request whose key is not among those that
// Current returned. Where they could not be had, or were asked for too often of late, the error is
// errUnavailable: whether the request is good is not known then.
func (p *Parsed[T]) Newest(ctx context.Context) (T, error) {
	var seen uint64
	if last := p.last.Load(); last != nil {
		seen = last.number
	}
	document, err := p.source.refetch(ctx, seen)
	if err != nil {
		var none T
		return none, err
	}
	return p.of(document)
}

// Close releases the source. What it had last can still be used.
func (p *Parsed[T]) Close() error { return p.source.release() }

func (p *Parsed[T]) of(document *Document) (T, error) {
	if last := p.last.Load(); last != nil && last.number == document.Version {
		return last.value, nil
	}
	value, err := p.parse(document)
	if err != nil {
		return value, errors.Join(errUnavailable, err)
	}
	p.last.Store(&version[T]{number: document.Version, value: value})
	return value, nil
}
