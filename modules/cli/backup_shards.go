package cli

import (
	"fmt"
	"os"

	"github.com/botgate/botgate/backend/store/sharded"
	"github.com/botgate/botgate/internal/address"
	"github.com/botgate/botgate/internal/backup"
)

const envShardsFile = "BOTGATE_SHARDS_FILE"

// shardDatabases are the shards of the shards file that are files.
func shardDatabases(path string) (files []backup.File, err error) {
	m, err := sharded.Load(path, os.Getenv)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", envShardsFile, err)
	}
	for _, shard := range m.Shards {
		path, err := address.Database(shard.URL)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", envShardsFile, shard.Name, err)
		}
		if path != "" {
			files = append(files, backup.File{Name: "shard-" + shard.Name + ".db", Path: path})
		}
	}
	return files, nil
}
