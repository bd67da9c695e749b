package embedded

import (
	"fmt"
	"maps"
	"slices"

	"github.com/botgate/botgate/backend/config"
)

// dataOptions are the options of what is kept and how it is read, and the variables of
// botgate-backend that they are like, in their values too.
var dataOptions = map[string]string{
	"replica":         config.EnvReplicaURL,
	"replica_max_lag": config.EnvMaxLag,
	"database_pool":   config.EnvPool,
	"shards_file":     config.EnvShardsFile,
	"migrate":         config.EnvMigrate,
	"retention":       config.EnvRetention,
	"cache_size":      config.EnvCacheSize,
	"cache_ttl":       config.EnvCacheTTL,
	"session_ttl":     config.EnvSessionTTL,
	"session_max_ttl": config.EnvSessionMaxTTL,
	"session_size":    config.EnvSessionSize,
}

// setData reads Data into the backend's settings.
func (b *Backend) setData() error {
	for _, option := range slices.Sorted(maps.Keys(b.Data)) {
		variable, known := dataOptions[option]
		if !known {
			return fmt.Errorf("botgate_embedded: unknown option %q of data", option)
		}
		if _, err := b.settings.Data.Set(variable, b.Data[option]); err != nil {
			return fmt.Errorf("botgate_embedded: option %s: %w", option, err)
		}
	}
	return nil
}
