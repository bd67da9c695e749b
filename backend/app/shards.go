package app

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/store/sharded"
	"github.com/botgate/botgate/internal/reload"
)

const (
	// checkShards bounds how long a changed shards file waits for the shards to say where the buckets are.
	checkShards = 3 * time.Second
	// closeShards bounds the end of the following of the shards file, which may be about to ask the shards.
	closeShards = checkShards + time.Second
)

// followShards has changes of the shards file, and of the files that it names, checked and told from here on.
// Databases are opened at the start only. Buckets need nothing: until the restart fences lead to where they are.
func (a *App) followShards(context.Context) error {
	path := a.settings.Data.ShardsFile
	if a.store == nil || path == "" {
		return nil
	}
	file, err := reload.New(reload.Config[sharded.Map]{
		What: "shards file", List: func() []string { return sharded.Files(path) }, Logger: a.log,
		Load: a.loadShards, Apply: a.tellShards,
	})
	if err != nil {
		return err
	}
	a.onClose("shards file", closeShards, file.Close)
	a.tellShards(a.shards, file.Get()) // It may have changed since the store was opened.
	return nil
}

// loadShards reads the shards file, and refuses one that does not go with where the buckets are.
func (a *App) loadShards() (sharded.Map, error) {
	now, err := shardMap(a.settings)
	if err != nil || reflect.DeepEqual(a.shards, now) {
		return now, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkShards)
	defer cancel()
	if err := a.store.CheckMap(ctx, a.shards, now); err != nil {
		return now, fmt.Errorf("%s: shards file %s: %w", config.EnvShardsFile, a.settings.Data.ShardsFile, err)
	}
	return now, nil
}

// tellShards says how the shards file differs from what this process runs with.
func (a *App) tellShards(before, now sharded.Map) string {
	changes := a.shards.Changes(now)
	switch {
	case changes == "":
		return "as at the start"
	case a.shards.SameShards(now):
		return changes + ", where they are already"
	case !reflect.DeepEqual(before, now):
		a.log.Warn("shards file changed: restart the backend processes to use it", slog.String("changes", changes))
	}
	return "restart the backend processes to use it: " + changes
}
