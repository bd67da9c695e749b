// Package pooled shares values between handlers and over reloads: while a configuration is
// replaced, the old and the new one hold the same value.
package pooled

import (
	"io"

	"github.com/caddyserver/caddy/v2"
)

// Pool is a [caddy.UsagePool] of one kind of value. It may be used concurrently.
type Pool[K comparable, V io.Closer] struct{ usage *caddy.UsagePool }

// New returns an empty pool.
func New[K comparable, V io.Closer]() *Pool[K, V] {
	return &Pool[K, V]{caddy.NewUsagePool()}
}

// destructor is how the pool closes a value.
type destructor[V io.Closer] struct{ value V }

// Destruct implements [caddy.Destructor].
func (d destructor[V]) Destruct() error { return d.value.Close() }

// Acquire returns the value of the key, which it opens when nobody has it. Every Acquire
// that returned no error needs one [Pool.Release].
func (p *Pool[K, V]) Acquire(key K, open func() (V, error)) (V, error) {
	found, _, err := p.usage.LoadOrNew(key, func() (caddy.Destructor, error) {
		value, err := open()
		return destructor[V]{value}, err
	})
	if err != nil {
		var none V
		return none, err
	}
	return found.(destructor[V]).value, nil
}

// Release releases the value of the key. The last one to do so closes it.
func (p *Pool[K, V]) Release(key K) error {
	_, err := p.usage.Delete(key)
	return err
}

// Each calls f with every value that is in use.
func (p *Pool[K, V]) Each(f func(V)) {
	p.usage.Range(func(_, found any) bool {
		f(found.(destructor[V]).value)
		return true
	})
}
