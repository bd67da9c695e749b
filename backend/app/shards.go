package app

import (
	"context"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/backend/store/shards"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/internal/queue/engines"
)

// OpenShards opens the databases of a map. Servers need not be up; files must be writable.
func OpenShards(ctx context.Context, m shards.Map, log *slog.Logger, reg prometheus.Registerer) (*shards.Store, error) {
	return shards.Open(ctx, shards.Config{
		Map: m, Logger: log, Registerer: reg,
		Open: func(ctx context.Context, s shards.Shard) (shards.Engine, error) {
			if !strings.HasPrefix(s.URL, "sqlite:") {
				return postgres.Open(ctx, postgres.Config{
					Name: s.Name, URL: s.URL, ReplicaURL: s.ReplicaURL, Logger: log, Registerer: reg,
				})
			}
			path, err := engines.SQLitePath(s.URL)
			if err != nil {
				return nil, err
			}
			return sqlite.Open(ctx, sqlite.Config{Path: path})
		},
	})
}
