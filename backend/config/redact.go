package config

import (
	"log/slog"
	"regexp"
	"strings"
)

// plainAddress matches addresses whose parts can be told apart for sure. What stands
// before the '@' and in the query may be a password; the groups leave both out.
var plainAddress = regexp.MustCompile(
	`^([a-z][a-z0-9]*://)(?:[^@/?#]*@)?((?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?(?:,(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?)*)?(/[^@?#]*)?(?:\?[^@]*)?$`)

// Redact returns the address of a queue or database without what may be a secret: user,
// password and query. An address that can't be taken apart for sure shows its scheme only.
func Redact(address string) string {
	if address == "" || strings.HasPrefix(address, "sqlite:") || strings.HasPrefix(address, "file:") {
		return address
	}
	if m := plainAddress.FindStringSubmatch(address); m != nil {
		return m[1] + m[2] + m[3]
	}
	scheme, _, found := strings.Cut(address, "://")
	if !found {
		return "[redacted]"
	}
	return scheme + "://[redacted]"
}

// LogValue is the effective configuration without its secrets.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("roles", roleNames(c.Roles)),
		slog.String("listen", c.Listen),
		slog.String("queue_url", Redact(c.QueueURL)),
		slog.String("blob_url", Redact(c.Blobs())),
		slog.String("blob_retention", c.BlobRetention.String()),
		slog.String("database_url", Redact(c.DatabaseURL)),
		slog.String("replica_url", Redact(c.Data.ReplicaURL)),
		slog.String("shards_file", c.Data.ShardsFile),
		slog.String("redis_url", Redact(c.Data.RedisURL)),
		slog.String("retention", c.Data.Retention.String()),
		slog.Int64("cache_size", c.Data.CacheSize),
		slog.String("bots_file", c.BotsFile),
		slog.String("log_level", c.LogLevel.String()),
		slog.String("log_format", c.LogFormat),
	)
}
