// Package config holds the backend's settings: where they come from, what they default
// to and what is wrong with them. [Options] is the one table of all of them.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/address"
	blobopen "github.com/botgate/botgate/internal/blob/open"
)

// Config is the backend's settings. [Default] and [Load] make complete ones; [Options] has the
// defaults.
type Config struct {
	// QueueURL is the queue: "sqlite:<path>" for the embedded one, or "amqp://…" and
	// "amqps://…" for RabbitMQ.
	QueueURL string
	// History is what the queue retains for replays, as "<age> <size>", or "off", or "auto":
	// "7d 1GiB" on the embedded queue, and on RabbitMQ what others have set. All processes on one
	// queue should have the same.
	History string
	// OutcomeSpool is the file of the role dispatch, on a local disk, for what came of deliveries
	// while RabbitMQ does not take it; "off" for none. No other process may have it, see package spool.
	OutcomeSpool string
	// BlobURL is where large bodies are kept: "file:<folder>" or "s3://…"; it must be that of
	// the gateways. Default: the folder blobs beside the file of the embedded queue, and
	// none for RabbitMQ; see [Config.Blobs].
	BlobURL string
	// BlobRetention is how old a body in a folder gets before the role record removes it;
	// 0 removes nothing. Buckets have lifecycle rules for that.
	BlobRetention time.Duration
	// DatabaseURL is the database: "sqlite:<path>" for the embedded one, or "postgres://…".
	DatabaseURL string
	// Data is what is kept of events and how it is read.
	Data Data
	// SlowBot is how long a bot may take to answer that is not in the log; 0 logs none.
	SlowBot time.Duration
	// AnswersURL is where late answers go in the place of the platforms, in tests; empty for to the platforms.
	AnswersURL string
	// BotsFile says which bots exist; see package bots. The role dispatch reads it, and jobs its schedules, where it is there.
	BotsFile string
	// Roles are what this process does.
	Roles []Role
	// Listen is the address, host:port, of the API, the health checks and the metrics;
	// processes without the role api answer the latter two only. Empty listens nowhere.
	Listen string
	// Advertise is an address, host:port, of Listen at which other processes reach this one. Default: see
	// [Config.Advertised].
	Advertise string
	// APISecretFile has what gateways show to the API, a secret of at least 16 bytes; while it is
	// replaced, the old and the new one, a line each. Required where Listen is not on loopback.
	APISecretFile string
	// APIHosts are names beside loopback's for which requests are answered on loopback, with commas
	// or blanks between.
	APIHosts string
	// Console says whether the role api serves the console, and what may be done there.
	Console Console
	// ConsoleSecretFile signs the cookies of the console's sessions, with at least 32 bytes; all processes behind one
	// gateway have the same. Required where there is a console.
	ConsoleSecretFile string
	// OIDC is the identity provider that signs people in to the console.
	OIDC OIDC
	// ReconcileAfter is how long nothing may have happened to an event under way before the role jobs
	// asks whether the queue has it, and delivers it again where that does not; 0 never asks.
	ReconcileAfter time.Duration
	// DebugListen is an address on loopback, host:port, that serves Go's profiles; empty for none.
	DebugListen string
	// ShutdownDelay is how long the process works on, not ready, once it was told to stop: whoever
	// sends it requests is to notice first. 0 stops at once.
	ShutdownDelay time.Duration
	// LogLevel is the least level that is logged.
	LogLevel slog.Level
	// LogFormat is "text" or "json".
	LogFormat string
}

// Data is what is kept of events and how it is read.
type Data struct {
	// RedisURL is the Redis of the second tier of the cache, of notices between processes
	// and of sessions, see package redisclient. Default: none; the cache is in memory then,
	// and sessions are in the database.
	RedisURL string
	// ShardsFile spreads the users over several databases, see package sharded; DatabaseURL
	// and ReplicaURL are not used then. Default: none.
	ShardsFile string
	// ReplicaURL names the read replicas. Default: none, or those of the hosts of DatabaseURL
	// that are not the primary.
	ReplicaURL string
	// Pool is how many connections to each database this process may have, for writing and
	// for reading each. 0 is four a processor, from 20 to 50.
	Pool int
	// SlowStatement is how long a statement of a database may take that is not in the log; 0 logs none.
	SlowStatement time.Duration
	// MaxLag is how far behind a replica may be that is read from.
	MaxLag time.Duration
	// Migrate brings the schema up to date at the start; without it the command migrate does.
	Migrate bool
	// Retention is how long the log keeps events; whole days are dropped. 0 keeps them for ever.
	Retention time.Duration
	// CacheSize bounds the memory of the cache, in bytes; 0 turns the cache off.
	CacheSize int64
	// CacheTTL is how long an answer may come out of the cache at most.
	CacheTTL time.Duration
	// SessionTTL is the TTL of a session that names none, SessionMaxTTL the longest that one
	// may ask for.
	SessionTTL, SessionMaxTTL time.Duration
	// SessionSize bounds a session, in bytes.
	SessionSize int64
}

// Default returns the settings of a backend on the embedded engines, with every role.
func Default() Config {
	var c Config
	for _, o := range Options {
		if err := o.Set(&c, o.Default); err != nil {
			panic(err) // The table is wrong.
		}
	}
	return c
}

// Load returns [Default] with what given returns for each option; an empty text leaves the
// default. The error names the variable that can't be read.
func Load(given func(Option) string) (Config, error) {
	c := Default()
	for _, o := range Options {
		if err := o.Set(&c, given(o)); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Validate reports everything that is wrong with the settings as far as it can be known
// without opening anything. Errors name the variable to change and carry no password.
func (c Config) Validate() error {
	var errs []error
	for _, o := range Options {
		if o.check == nil {
			continue
		}
		if err := o.check(c); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", o.Env, err))
		}
	}
	return errors.Join(errs...)
}

// Has reports whether the process has the role.
func (c Config) Has(role Role) bool { return slices.Contains(c.Roles, role) }

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

// SpoolsOutcomes reports whether the process keeps outcomes in a file while the queue takes none,
// which the embedded one does by itself.
func (c Config) SpoolsOutcomes() bool {
	path, err := address.Queue(c.QueueURL)
	return c.Has(Dispatch) && c.OutcomeSpool != "off" && err == nil && path == ""
}

// LogValue is the effective configuration without its secrets.
func (c Config) LogValue() slog.Value {
	c.BlobURL = c.Blobs()
	attrs := make([]slog.Attr, len(Options))
	for i, o := range Options {
		attrs[i] = slog.String(strings.ToLower(strings.TrimPrefix(o.Env, "BOTGATE_")), o.value(&c).String())
	}
	return slog.GroupValue(attrs...)
}
