package config

import (
	"errors"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/address"
	blobopen "github.com/botgate/botgate/internal/blob/open"
	"github.com/botgate/botgate/internal/logformat"
	"github.com/botgate/botgate/internal/outbound"
	queueopen "github.com/botgate/botgate/internal/queue/open"
	"github.com/botgate/botgate/internal/redisclient"
)

// The environment variables that errors of other packages name.
const (
	EnvQueueURL      = "BOTGATE_QUEUE_URL"
	EnvHistory       = "BOTGATE_HISTORY"
	EnvOutcomeSpool  = "BOTGATE_OUTCOME_SPOOL"
	EnvBlobURL       = "BOTGATE_BLOB_URL"
	EnvDatabaseURL   = "BOTGATE_DATABASE_URL"
	EnvPool          = "BOTGATE_DATABASE_POOL"
	EnvShardsFile    = "BOTGATE_SHARDS_FILE"
	EnvRedisURL      = "BOTGATE_REDIS_URL"
	EnvCacheSize     = "BOTGATE_CACHE_SIZE"
	EnvCacheTTL      = "BOTGATE_CACHE_TTL"
	EnvSessionTTL    = "BOTGATE_SESSION_TTL"
	EnvSessionMaxTTL = "BOTGATE_SESSION_MAX_TTL"
	EnvBotsFile      = "BOTGATE_BOTS_FILE"
	EnvRoles         = "BOTGATE_ROLES"
	EnvListen        = "BOTGATE_LISTEN"
	EnvAPISecretFile = "BOTGATE_API_SECRET_FILE"
	EnvAdvertise     = "BOTGATE_ADVERTISE"
	EnvDebugListen   = "BOTGATE_DEBUG_LISTEN"
	EnvConsole       = "BOTGATE_CONSOLE"
	EnvConsoleSecret = "BOTGATE_CONSOLE_SECRET_FILE"
	EnvOIDCSecret    = "BOTGATE_CONSOLE_OIDC_SECRET_FILE"
)

// minRetention is longer than any repeat window of the gateways by default, within which
// the log recognises repeats.
const minRetention = 48 * time.Hour

// maxShutdownDelay is longer than any load balancer takes to notice.
const maxShutdownDelay = 5 * time.Minute

// Options are all settings of the backend. Flags, environment, botgate_embedded, --help and
// docs/reference/settings.md are made from this table.
var Options = slices.Concat(options, oidcOptions)

var options = []Option{
	{
		Flag: "roles", Env: EnvRoles, Caddy: "roles", Words: true, Default: "record,dispatch,api,jobs",
		Help: "what this process does; commas or spaces between", Page: "reference/backend.md",
		value: func(c *Config) value { return (*roles)(&c.Roles) },
		check: Config.checkRoles,
	}, {
		Flag: "queue", Env: EnvQueueURL, Default: "sqlite:data/queue.db",
		Help: "the queue: sqlite:<path>, amqp://… or amqps://…", Page: "guides/rabbitmq.md",
		value: func(c *Config) value { return (*url)(&c.QueueURL) },
		check: func(c Config) error { return queueopen.Check(c.QueueURL) },
	}, {
		Flag: "history", Env: EnvHistory, Default: "auto",
		Help:  "what the queue retains for replays: 7d 1GiB, off, or auto (RabbitMQ's as it is)",
		Page:  "guides/replay.md",
		value: func(c *Config) value { return (*text)(&c.History) },
		check: func(c Config) error { return queueopen.CheckHistory(c.History) },
	}, {
		Flag: "outcome-spool", Env: EnvOutcomeSpool, Default: "data/outcomes.db",
		Help:  "the file for outcomes that RabbitMQ does not take, or off; one for each process",
		Page:  "reference/backend.md",
		value: func(c *Config) value { return (*text)(&c.OutcomeSpool) },
	}, {
		Flag: "blobs", Env: EnvBlobURL, Unset: "the folder blobs beside a queue file, none for RabbitMQ",
		Help: "large bodies, as the gateways have it: file:<folder> or s3://…", Page: "guides/claim_check.md",
		value: func(c *Config) value { return (*url)(&c.BlobURL) },
		check: func(c Config) error { return ifSet(c.BlobURL, blobopen.Check) },
	}, {
		Flag: "blob-retention", Env: "BOTGATE_BLOB_RETENTION", Default: "720h",
		Help: "how old a body in a folder gets; 0 keeps them for ever", Page: "guides/claim_check.md",
		value: func(c *Config) value { return (*period)(&c.BlobRetention) },
		check: func(c Config) error { return blobopen.CheckRetention(c.BlobRetention) },
	}, {
		Flag: "database", Env: EnvDatabaseURL, Caddy: "database", Default: "sqlite:data/events.db",
		Help: "the database: sqlite:<path> or postgres://…", Page: "guides/postgres.md",
		value: func(c *Config) value { return (*url)(&c.DatabaseURL) },
		check: func(c Config) error { return second(address.Database(c.DatabaseURL)) },
	}, {
		Flag: "replica", Env: "BOTGATE_DATABASE_REPLICA_URL", Caddy: "replica", Unset: "the standbys among the database's hosts",
		Help: "read replicas: postgres://…", Page: "guides/postgres.md",
		value: func(c *Config) value { return (*url)(&c.Data.ReplicaURL) },
		check: func(c Config) error {
			return ifSet(c.Data.ReplicaURL, func(url string) error { return second(address.Replica(url)) })
		},
	}, {
		Flag: "replica-max-lag", Env: "BOTGATE_DATABASE_MAX_LAG", Caddy: "replica_max_lag", Default: "2s",
		Help: "how far behind a replica may be that is read from", Page: "guides/postgres.md",
		value: func(c *Config) value { return (*period)(&c.Data.MaxLag) },
		check: func(c Config) error { return positive(c.Data.MaxLag) },
	}, {
		Flag: "database-pool", Env: EnvPool, Caddy: "database_pool", Default: "0",
		Help: "connections to each database; 0 is four a processor, from 20 to 50", Page: "guides/postgres.md",
		value: func(c *Config) value { return (*number)(&c.Data.Pool) },
		check: func(c Config) error {
			return must(c.Data.Pool >= 0 && c.Data.Pool <= 10_000, "from 1 to 10000, or 0 for the default")
		},
	}, {
		Flag: "slow-statement", Env: "BOTGATE_SLOW_STATEMENT", Caddy: "slow_statement", Default: "1s",
		Help: "statements of a database that take longer are in the log; 0 for none", Page: "reference/logs.md",
		value: func(c *Config) value { return (*period)(&c.Data.SlowStatement) },
		check: func(c Config) error { return must(c.Data.SlowStatement >= 0, "0 or more") },
	}, {
		Flag: "shards-file", Env: EnvShardsFile, Caddy: "shards_file",
		Help: "spreads users over several databases, instead of the one above", Page: "guides/sharding.md",
		value: func(c *Config) value { return (*text)(&c.Data.ShardsFile) },
	}, {
		Flag: "migrate", Env: "BOTGATE_MIGRATE", Caddy: "migrate", Default: "on",
		Help: "bring the schema up to date at the start, or off", Page: "reference/backend.md",
		value: func(c *Config) value { return (*onOff)(&c.Data.Migrate) },
	}, {
		Flag: "retention", Env: "BOTGATE_RETENTION", Caddy: "retention", Default: "0",
		Help: "how long events are kept, in whole days, such as 90d; 0 is for ever", Page: "explanation/data.md",
		value: func(c *Config) value { return (*period)(&c.Data.Retention) },
		check: func(c Config) error {
			return must(c.Data.Retention == 0 || c.Data.Retention >= minRetention,
				"0, for ever, or at least 48h: the log recognises repeats by what it has")
		},
	}, {
		Flag: "redis", Env: EnvRedisURL, Unset: "the cache is in this process, sessions are in the database",
		Help: "shared cache, notices and sessions: redis://…", Page: "explanation/cache.md",
		value: func(c *Config) value { return (*url)(&c.Data.RedisURL) },
		check: func(c Config) error { return ifSet(c.Data.RedisURL, checkRedis) },
	}, {
		Flag: "cache-size", Env: EnvCacheSize, Caddy: "cache_size", Default: "64MiB",
		Help: "memory of the cache of role api; 0 turns it off", Page: "explanation/cache.md",
		value: func(c *Config) value { return (*size)(&c.Data.CacheSize) },
		check: func(c Config) error { return must(c.Data.CacheSize >= 0, "0 or more") },
	}, {
		Flag: "cache-ttl", Env: EnvCacheTTL, Caddy: "cache_ttl", Default: "30s",
		Help: "how long an answer may come out of the cache", Page: "explanation/cache.md",
		value: func(c *Config) value { return (*period)(&c.Data.CacheTTL) },
		check: func(c Config) error { return positive(c.Data.CacheTTL) },
	}, {
		Flag: "session-ttl", Env: EnvSessionTTL, Caddy: "session_ttl", Default: "24h",
		Help: "how long a session lives that names no TTL", Page: "guides/sessions.md",
		value: func(c *Config) value { return (*period)(&c.Data.SessionTTL) },
		check: func(c Config) error {
			return must(c.Data.SessionTTL > 0 && (c.Data.SessionTTL <= c.Data.SessionMaxTTL || c.Data.SessionMaxTTL <= 0),
				"longer than 0 and at most "+EnvSessionMaxTTL)
		},
	}, {
		Flag: "session-max-ttl", Env: EnvSessionMaxTTL, Caddy: "session_max_ttl", Default: "720h",
		Help: "the longest TTL that a session may ask for", Page: "guides/sessions.md",
		value: func(c *Config) value { return (*period)(&c.Data.SessionMaxTTL) },
		check: func(c Config) error { return positive(c.Data.SessionMaxTTL) },
	}, {
		Flag: "session-size", Env: "BOTGATE_SESSION_SIZE", Caddy: "session_size", Default: "64KiB",
		Help: "how large a session may be", Page: "guides/sessions.md",
		value: func(c *Config) value { return (*size)(&c.Data.SessionSize) },
		check: func(c Config) error {
			return must(c.Data.SessionSize > 0 && c.Data.SessionSize <= 16<<20, "from 1 to 16MiB")
		},
	}, {
		Flag: "bots-file", Env: EnvBotsFile, Default: "data/bots.json",
		Help: "the bots, their addresses and secrets", Page: "guides/bots.md",
		value: func(c *Config) value { return (*text)(&c.BotsFile) },
		check: func(c Config) error {
			return must(!c.Has(Dispatch) || c.BotsFile != "", "set: the role dispatch needs it")
		},
	}, {
		Flag: "slow-bot", Env: "BOTGATE_SLOW_BOT", Caddy: "slow_bot", Default: "5s",
		Help: "bots that take longer to answer are in the log; 0 for none", Page: "reference/logs.md",
		value: func(c *Config) value { return (*period)(&c.SlowBot) },
		check: func(c Config) error { return must(c.SlowBot >= 0, "0 or more") },
	}, {
		Flag: "answers-url", Env: "BOTGATE_ANSWERS_URL", Caddy: "answers_url", Unset: "the platforms themselves",
		Help: "for tests: where late answers to platforms go instead", Page: "guides/answers.md",
		value: func(c *Config) value { return (*url)(&c.AnswersURL) },
		check: func(c Config) error { return ifSet(c.AnswersURL, outbound.CheckEncryptedText) },
	}, {
		Flag: "reconcile-after", Env: "BOTGATE_RECONCILE_AFTER", Caddy: "reconcile_after", Default: "15m",
		Help:  "events that nothing happened to for so long and no queue has are delivered again; 0 never",
		Page:  "explanation/guarantees.md",
		value: func(c *Config) value { return (*period)(&c.ReconcileAfter) },
		check: func(c Config) error {
			return must(c.ReconcileAfter == 0 || c.ReconcileAfter >= time.Second, "0, for never, or at least 1s")
		},
	}, {
		Flag: "listen", Env: EnvListen, Caddy: "listen", Default: "127.0.0.1:8081",
		Help: "address of the API, health checks and metrics", Page: "reference/backend.md",
		value: func(c *Config) value { return (*text)(&c.Listen) },
		check: func(c Config) error { return ifSet(c.Listen, checkListen) },
	}, {
		Flag: "advertise", Env: EnvAdvertise, Caddy: "advertise",
		Unset: "the address that it listens on; for 0.0.0.0 the one from which it asks Redis",
		Help:  "address at which other processes reach this one for bots that pull", Page: "guides/pull.md",
		value: func(c *Config) value { return (*text)(&c.Advertise) },
		check: func(c Config) error { return ifSet(c.Advertise, checkListen) },
	}, {
		Flag: "api-secret-file", Env: EnvAPISecretFile, Unset: "none: the API can be on loopback only",
		Help: "what gateways show to the API, on both sides; needed where it is not on loopback", Page: "reference/backend.md",
		value: func(c *Config) value { return (*text)(&c.APISecretFile) },
		check: Config.checkAPISecret,
	}, {
		Flag: "api-hosts", Env: "BOTGATE_API_HOSTS", Caddy: "api_hosts",
		Help:  "names beside localhost that requests may be for, where the API is on loopback",
		Page:  "reference/backend.md",
		value: func(c *Config) value { return (*text)(&c.APIHosts) },
		check: func(c Config) error { return checkHosts(c.APIHosts) },
	}, {
		Flag: "console", Env: EnvConsole, Caddy: "console", Default: "off",
		Help:  "the pages for people, with the role api: off, read-only or on; the shipped Caddyfile has on",
		Page:  "guides/console.md",
		value: func(c *Config) value { return (*text)(&c.Console) },
		check: func(c Config) error {
			return must(c.Console == ConsoleOff || c.Console == ConsoleReadOnly || c.Console == ConsoleOn, "off, read-only or on")
		},
	}, {
		Flag: "console-secret-file", Env: EnvConsoleSecret, Caddy: "console_secret_file",
		Help:  "what signs the cookies of the console, at least 32 bytes; the same in all processes with it",
		Page:  "guides/console.md",
		value: func(c *Config) value { return (*text)(&c.ConsoleSecretFile) },
		check: func(c Config) error {
			return must(!c.HasConsole() || c.ConsoleSecretFile != "", "set: the console needs it; botgate init makes data/console.secret, "+
				"and "+EnvConsole+"=off does without")
		},
	}, {
		Flag: "debug-listen", Env: EnvDebugListen,
		Help: "address on loopback that serves Go's profiles", Page: "guides/profiles.md",
		value: func(c *Config) value { return (*text)(&c.DebugListen) },
		check: func(c Config) error { return ifSet(c.DebugListen, checkDebugListen) },
	}, {
		Flag: "shutdown-delay", Env: "BOTGATE_SHUTDOWN_DELAY", Default: "0s",
		Help:  "how long it works on, not ready, before it stops, so that nobody sends to it any more",
		Page:  "reference/backend.md",
		value: func(c *Config) value { return (*period)(&c.ShutdownDelay) },
		check: func(c Config) error {
			return must(c.ShutdownDelay >= 0 && c.ShutdownDelay <= maxShutdownDelay, "from 0 to 5m")
		},
	}, {
		Flag: "log-level", Env: "BOTGATE_LOG_LEVEL", Default: "info",
		Help: "what is logged: debug, info, warn or error", Page: "reference/logs.md",
		value: func(c *Config) value { return (*level)(&c.LogLevel) },
	}, {
		Flag: "log-format", Env: "BOTGATE_LOG_FORMAT", Default: "text",
		Help: "how it is logged, also by the gateway: text or json", Page: "reference/logs.md",
		value: func(c *Config) value { return (*text)(&c.LogFormat) },
		check: func(c Config) error {
			return must(c.LogFormat == logformat.Text || c.LogFormat == logformat.JSON, "text or json")
		},
	},
}

func must(holds bool, what string) error {
	if holds {
		return nil
	}
	return errors.New("must be " + what)
}

func positive(d time.Duration) error { return must(d > 0, "longer than 0") }

func ifSet(text string, check func(string) error) error {
	if text == "" {
		return nil
	}
	return check(text)
}

// second returns the error of a parser whose result is not needed.
func second(_ string, err error) error { return err }

func checkRedis(url string) error {
	client, err := redisclient.Open(url)
	if err != nil {
		return err
	}
	_ = client.Close() // It never dialed.
	return nil
}
