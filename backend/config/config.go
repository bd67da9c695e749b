// Package config holds the backend's settings: where they come from, what they default
// to and what is wrong with them.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	blobopen "github.com/botgate/botgate/internal/blob/open"
	queueopen "github.com/botgate/botgate/internal/queue/open"
)

// The environment variables of the backend. The gateway reads those of the queue and
// of the bots file under the same names.
const (
	EnvQueueURL      = queueopen.Option
	EnvHistory       = queueopen.HistoryOption
	EnvBlobURL       = blobopen.Option
	EnvBlobRetention = blobopen.RetentionOption
	EnvDatabaseURL   = "BOTGATE_DATABASE_URL"
	EnvBotsFile      = "BOTGATE_BOTS_FILE"
	EnvRoles         = "BOTGATE_ROLES"
	EnvListen        = "BOTGATE_LISTEN"
	EnvLogLevel      = "BOTGATE_LOG_LEVEL"
	EnvLogFormat     = "BOTGATE_LOG_FORMAT"
)

// Config is the backend's settings. [Default] and [FromEnv] make complete ones.
type Config struct {
	// QueueURL is the queue: "sqlite:<path>" for the embedded one, or "amqp://…" and
	// "amqps://…" for RabbitMQ. Default "sqlite:data/queue.db".
	QueueURL string
	// History is what the queue keeps to be replayed, as "<age> <size>", or "off". All
	// processes on one queue should have the same. Default "auto": "7d 1GiB" on the embedded
	// queue, "off" on RabbitMQ.
	History string
	// BlobURL is where large bodies are kept: "file:<folder>" or "s3://…"; it must be that of
	// the gateways. Default: the folder blobs beside the file of the embedded queue, and
	// none for RabbitMQ.
	BlobURL string
	// BlobRetention is how old a body in a folder gets before the role record removes it;
	// 0 removes nothing. Buckets have lifecycle rules for that. Default 720h.
	BlobRetention time.Duration
	// DatabaseURL is the database: "sqlite:<path>" for the embedded one, or
	// "postgres://…". Default "sqlite:data/events.db".
	DatabaseURL string
	// Data is what is kept of events and how it is read.
	Data Data
	// BotsFile says which bots exist; see package bots. Only the role dispatch reads
	// it. Default "data/bots.json".
	BotsFile string
	// Roles are what this process does. Default: all of them.
	Roles []Role
	// Listen is the address, host:port, of the API, the health checks and the metrics;
	// processes without the role api answer the latter two only. Empty listens nowhere.
	// Default "127.0.0.1:8081".
	Listen string
	// LogLevel is the least level that is logged. Default info.
	LogLevel slog.Level
	// LogFormat is "text" or "json". Default "text".
	LogFormat string
}

// Default returns the settings of a backend on the embedded engines, with every role.
func Default() Config {
	return Config{
		QueueURL:      "sqlite:data/queue.db",
		History:       "auto",
		BlobRetention: blobopen.DefaultRetention,
		DatabaseURL:   "sqlite:data/events.db",
		Data:          defaultData(),
		BotsFile:      "data/bots.json",
		Roles:         AllRoles(),
		Listen:        "127.0.0.1:8081",
		LogLevel:      slog.LevelInfo,
		LogFormat:     "text",
	}
}

// FromEnv returns [Default] with what the environment sets; a variable that is empty
// counts as unset. The error names the variable that can't be read.
func FromEnv(getenv func(string) string) (Config, error) {
	c := Default()
	for name, field := range map[string]*string{
		EnvQueueURL:    &c.QueueURL,
		EnvHistory:     &c.History,
		EnvBlobURL:     &c.BlobURL,
		EnvDatabaseURL: &c.DatabaseURL,
		EnvBotsFile:    &c.BotsFile,
		EnvListen:      &c.Listen,
		EnvLogFormat:   &c.LogFormat,
	} {
		if v := getenv(name); v != "" {
			*field = v
		}
	}
	if err := c.Data.fromEnv(getenv); err != nil {
		return c, err
	}
	var err error
	if v := getenv(EnvRoles); v != "" {
		if c.Roles, err = ParseRoles(v); err != nil {
			return c, fmt.Errorf("%s: %w", EnvRoles, err)
		}
	}
	if v := getenv(EnvBlobRetention); v != "" {
		if c.BlobRetention, err = time.ParseDuration(v); err != nil {
			return c, fmt.Errorf("%s: %q is not a duration like 720h", EnvBlobRetention, v)
		}
	}
	if v := getenv(EnvLogLevel); v != "" {
		if err := c.LogLevel.UnmarshalText([]byte(v)); err != nil {
			return c, fmt.Errorf("%s: %q is not debug, info, warn or error", EnvLogLevel, v)
		}
	}
	return c, nil
}

// Has reports whether the process has the role.
func (c Config) Has(role Role) bool { return slices.Contains(c.Roles, role) }

// Validate reports everything that is wrong with the settings as far as it can be known
// without opening anything. Errors name the variable to change and carry no password.
func (c Config) Validate() error {
	return errors.Join(
		queueopen.Check(c.QueueURL),
		queueopen.CheckHistory(c.History),
		c.checkBlobs(),
		c.checkDatabase(),
		c.Data.validate(),
		c.checkRoles(),
		c.checkListen(),
		c.checkLogFormat(),
	)
}

// Blobs is the address of the blob store; empty for none.
func (c Config) Blobs() string {
	if c.BlobURL != "" {
		return c.BlobURL
	}
	return blobopen.Default(c.QueueURL)
}

// BodyRetention is how old a body in a folder gets: no older than the log, which has bodies of
// its own. 0 is for ever.
func (c Config) BodyRetention() time.Duration {
	if c.BlobRetention == 0 || c.Data.Retention == 0 {
		return max(c.BlobRetention, c.Data.Retention)
	}
	return min(c.BlobRetention, c.Data.Retention)
}

func (c Config) checkBlobs() error {
	if c.BlobURL != "" {
		if err := blobopen.Check(c.BlobURL); err != nil {
			return err
		}
	}
	return blobopen.CheckRetention(c.BlobRetention)
}

func (c Config) checkRoles() error {
	if len(c.Roles) == 0 {
		return fmt.Errorf("%s: no role is set", EnvRoles)
	}
	for _, role := range c.Roles {
		if !slices.Contains(AllRoles(), role) {
			return fmt.Errorf("%s: %w", EnvRoles, unknownRole(role))
		}
	}
	if c.Has(Dispatch) && c.BotsFile == "" {
		return fmt.Errorf("%s: the role dispatch needs it", EnvBotsFile)
	}
	return nil
}

func (c Config) checkListen() error {
	if c.Listen == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("%s: %q is not an address like 127.0.0.1:8081", EnvListen, c.Listen)
	}
	return nil
}

func (c Config) checkLogFormat() error {
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return fmt.Errorf("%s: %q is not text or json", EnvLogFormat, c.LogFormat)
	}
	return nil
}

func (c Config) checkDatabase() error {
	scheme, rest, _ := strings.Cut(c.DatabaseURL, ":")
	switch {
	case scheme == "sqlite":
		if _, err := queueopen.SQLitePath(c.DatabaseURL); err != nil {
			return fmt.Errorf("%s: %w", EnvDatabaseURL, err)
		}
		return nil
	case (scheme == "postgres" || scheme == "postgresql") && strings.HasPrefix(rest, "//"):
		return nil
	}
	return fmt.Errorf("%s: must be sqlite:<path> or postgres://<host>", EnvDatabaseURL)
}
