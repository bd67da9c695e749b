package app

import (
	"context"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/internal/limit"
)

// limitReset reaches the gateways: the one in this process, or all of them through Redis; nil where nothing does.
func (a *App) limitReset() api.ResetLimit {
	if a.resetLimit != nil || a.redis == nil {
		return a.resetLimit
	}
	return func(ctx context.Context, zone, key string) error { return limit.Reset(ctx, a.redis, zone, key) }
}
