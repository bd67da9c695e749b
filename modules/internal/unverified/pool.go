package unverified

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/modules/internal/pooled"
)

// pool has the one budget of the process, which all handlers share.
var pool = pooled.New[struct{}, *Budget]()

// configured is what is needed of the botgate app.
type configured interface{ MaxUnverified() int64 }

// Acquire returns the process' budget, with the limit that the botgate app of this configuration
// has. Each Acquire that returned no error needs one [Budget.Release].
func Acquire(ctx caddy.Context) (*Budget, error) {
	limit := int64(DefaultLimit)
	app, err := ctx.AppIfConfigured("botgate")
	switch {
	case err == nil:
		limit = app.(configured).MaxUnverified()
	case !errors.Is(err, caddy.ErrNotConfigured):
		return nil, fmt.Errorf("the memory for unverified bodies: %w", err)
	}
	if err := metric.Register(ctx.GetMetricsRegistry(), "unverified bodies", collectors...); err != nil {
		return nil, err
	}
	budget, err := pool.Acquire(struct{}{}, func() (*Budget, error) { return New(limit), nil })
	if err != nil {
		return nil, err
	}
	budget.SetLimit(limit)
	return budget, nil
}

// Release is the counterpart of [Acquire]. A budget that was never acquired may be nil.
func (b *Budget) Release() error {
	if b == nil {
		return nil
	}
	return pool.Release(struct{}{})
}

// Close implements [io.Closer]; there is nothing to close.
func (b *Budget) Close() error { return nil }
