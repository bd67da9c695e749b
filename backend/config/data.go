package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/botgate/botgate/backend/store/postgres/replicas"
	"github.com/botgate/botgate/backend/store/sharded"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/redisclient"
)

// The environment variables of what is kept, and of what is in front of it.
const (
	EnvRedisURL      = "BOTGATE_REDIS_URL"
	EnvShardsFile    = sharded.EnvFile
	EnvReplicaURL    = replicas.ReplicaOption
	EnvPool          = replicas.PoolOption
	EnvMaxLag        = "BOTGATE_DATABASE_MAX_LAG"
	EnvMigrate       = "BOTGATE_MIGRATE"
	EnvRetention     = "BOTGATE_RETENTION"
	EnvCacheSize     = "BOTGATE_CACHE_SIZE"
	EnvCacheTTL      = "BOTGATE_CACHE_TTL"
	EnvSessionTTL    = "BOTGATE_SESSION_TTL"
	EnvSessionMaxTTL = "BOTGATE_SESSION_MAX_TTL"
	EnvSessionSize   = "BOTGATE_SESSION_SIZE"
)

// minRetention is longer than any repeat window of the gateways by default, within which
// the log tells repeats.
const minRetention = 48 * time.Hour

// Data is what is kept of events and how it is read.
type Data struct {
	// RedisURL is the Redis of the second tier of the cache, of notices between processes
	// and of sessions, see package redisclient. Default: none; the cache is in memory then,
	// and sessions are in the database.
	RedisURL string
	// ShardsFile spreads the users over several databases, see package shards; DatabaseURL
	// and ReplicaURL are not used then. Default: none.
	ShardsFile string
	// ReplicaURL is where reads may go that need not be fresh. Default: none, or those of the
	// hosts of DatabaseURL that are not the primary.
	ReplicaURL string
	// Pool is how many connections to each database this process may have, for writing and
	// for reading each. Default 0: four a processor, from 20 to 50.
	Pool int
	// MaxLag is how far behind a replica may be that is read from. Default 2s.
	MaxLag time.Duration
	// Migrate brings the schema up to date at the start; without it the command migrate
	// does. Default true.
	Migrate bool
	// Retention is how long the log keeps events; whole days are dropped. 0 keeps them for
	// ever, which is the default.
	Retention time.Duration
	// CacheSize bounds the memory of the cache, in bytes; 0 turns the cache off. Default 64 MiB.
	CacheSize int64
	// CacheTTL is how long an answer may come out of the cache at most. Default 30s.
	CacheTTL time.Duration
	// SessionTTL is how long a session lives that says nothing else, SessionMaxTTL the
	// longest that it may ask for. Default 24h and 720h.
	SessionTTL, SessionMaxTTL time.Duration
	// SessionSize bounds a session, in bytes. Default 64 KiB.
	SessionSize int64
}

func defaultData() Data {
	return Data{
		MaxLag:        2 * time.Second,
		Migrate:       true,
		CacheSize:     64 << 20,
		CacheTTL:      30 * time.Second,
		SessionTTL:    24 * time.Hour,
		SessionMaxTTL: 30 * 24 * time.Hour,
		SessionSize:   64 << 10,
	}
}

func (d *Data) fromEnv(getenv func(string) string) error {
	for name := range d.setters() {
		if _, err := d.Set(name, getenv(name)); err != nil {
			return err
		}
	}
	return nil
}

// Set sets what an environment variable is for; an empty value leaves the default. It
// returns false for a variable that is none of these. Errors name the variable.
func (d *Data) Set(name, value string) (known bool, err error) {
	set, known := d.setters()[name]
	if !known || value == "" {
		return known, nil
	}
	if err := set(value); err != nil {
		return true, fmt.Errorf("%s: %w", name, err)
	}
	return true, nil
}

func (d *Data) setters() map[string]func(string) error {
	return map[string]func(string) error{
		EnvRedisURL:      text(&d.RedisURL),
		EnvShardsFile:    text(&d.ShardsFile),
		EnvReplicaURL:    text(&d.ReplicaURL),
		EnvPool:          number(&d.Pool),
		EnvMaxLag:        duration(&d.MaxLag),
		EnvMigrate:       choice(&d.Migrate),
		EnvRetention:     duration(&d.Retention),
		EnvCacheSize:     size(&d.CacheSize),
		EnvCacheTTL:      duration(&d.CacheTTL),
		EnvSessionTTL:    duration(&d.SessionTTL),
		EnvSessionMaxTTL: duration(&d.SessionMaxTTL),
		EnvSessionSize:   size(&d.SessionSize),
	}
}

func text(field *string) func(string) error {
	return func(v string) error { *field = v; return nil }
}

func number(field *int) func(string) error {
	return func(v string) (err error) {
		if *field, err = strconv.Atoi(v); err != nil {
			return fmt.Errorf("%q is not a number", v)
		}
		return nil
	}
}

func duration(field *time.Duration) func(string) error {
	return func(v string) (err error) {
		if *field, err = queue.ParseAge(v); err != nil {
			return fmt.Errorf("%q is not a duration like 30s or 90d", v)
		}
		return nil
	}
}

// size reads bytes as Caddy does: 64MB, 64MiB.
func size(field *int64) func(string) error {
	return func(v string) error {
		n, err := humanize.ParseBytes(v)
		if err != nil || n > 1<<50 {
			return fmt.Errorf("%q is not a size like 64MB", v)
		}
		*field = int64(n)
		return nil
	}
}

func choice(field *bool) func(string) error {
	return func(v string) error {
		if v != "on" && v != "off" {
			return fmt.Errorf("%q is not on or off", v)
		}
		*field = v == "on"
		return nil
	}
}

// validate reports what is wrong, naming the variable.
func (d Data) validate() error {
	if d.RedisURL != "" {
		client, err := redisclient.Open(d.RedisURL)
		if err != nil {
			return fmt.Errorf("%s: %w", EnvRedisURL, err)
		}
		_ = client.Close() // It never dialed.
	}
	for _, c := range []struct {
		wrong      bool
		name, must string
	}{
		{d.ReplicaURL != "" && !isPostgres(d.ReplicaURL), EnvReplicaURL, "must be postgres://<host>"},
		{d.Pool < 0 || d.Pool > 10_000, EnvPool, "must be from 1 to 10000, or 0 for the default"},
		{d.MaxLag <= 0, EnvMaxLag, "must be longer than 0"},
		{d.Retention != 0 && d.Retention < minRetention, EnvRetention, "must be 0, for ever, or at least 48h: the log tells repeats apart by what it has"},
		{d.CacheSize < 0, EnvCacheSize, "must not be negative"},
		{d.CacheTTL <= 0, EnvCacheTTL, "must be longer than 0"},
		{d.SessionMaxTTL <= 0, EnvSessionMaxTTL, "must be longer than 0"},
		{d.SessionTTL <= 0 || d.SessionTTL > d.SessionMaxTTL, EnvSessionTTL, "must be longer than 0 and at most " + EnvSessionMaxTTL},
		{d.SessionSize <= 0 || d.SessionSize > 16<<20, EnvSessionSize, "must be from 1 to 16MiB"},
	} {
		if c.wrong {
			return fmt.Errorf("%s: %s", c.name, c.must)
		}
	}
	return nil
}

func isPostgres(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}
