package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/botgate/botgate/backend/config"
)

// parse reads the settings: the flags where given, else the environment, else the defaults.
func parse(args []string, getenv func(string) string) (cfg config.Config, showVersion bool, err error) {
	overrides := map[string]string{}
	flags := newFlags(overrides, &showVersion)
	if err := flags.Parse(args); err != nil {
		return cfg, false, err
	}
	if flags.NArg() > 0 {
		return cfg, false, fmt.Errorf("unexpected argument %q; see --help", flags.Arg(0))
	}
	if showVersion {
		return cfg, true, nil
	}
	cfg, err = config.FromEnv(func(name string) string {
		if v, given := overrides[name]; given {
			return v
		}
		return getenv(name)
	})
	if err != nil {
		return cfg, false, err
	}
	return cfg, false, cfg.Validate()
}

// newFlags returns the flags, which write what they are given to overrides, under the
// name of the environment variable that they stand for.
func newFlags(overrides map[string]string, showVersion *bool) *flag.FlagSet {
	flags := flag.NewFlagSet("botgate-backend", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	for _, o := range options {
		flags.Func(o.flag, o.help, func(v string) error {
			overrides[o.env] = v
			return nil
		})
	}
	flags.BoolVar(showVersion, "version", false, "print the version and exit")
	return flags
}

var options = []struct{ flag, env, value, help string }{
	{"roles", config.EnvRoles, "record,dispatch,api,jobs", "what this process does; commas or spaces between"},
	{"queue", config.EnvQueueURL, "sqlite:data/queue.db", "the queue: sqlite:<path>, amqp://… or amqps://…"},
	{"history", config.EnvHistory, "auto", "what the queue keeps to be replayed: an age and a size (7d 1GiB), or off"},
	{"blobs", config.EnvBlobURL, "file:data/blobs", "large bodies, as the gateways have it: file:<folder> or s3://…; none for RabbitMQ"},
	{"blob-retention", config.EnvBlobRetention, "720h", "how old a body in a folder gets; 0 keeps them for ever"},
	{"database", config.EnvDatabaseURL, "sqlite:data/events.db", "the database: sqlite:<path> or postgres://…"},
	{"replica", config.EnvReplicaURL, "", "replicas to read from: postgres://…; the standbys among --database's hosts"},
	{"replica-max-lag", config.EnvMaxLag, "2s", "how far behind a replica may be that is read from"},
	{"database-pool", config.EnvPool, "0", "connections to each database; 0: four a processor, from 20 to 50"},
	{"shards-file", config.EnvShardsFile, "", "spreads users over several databases; none"},
	{"migrate", config.EnvMigrate, "on", "bring the schema up to date at the start, or off"},
	{"retention", config.EnvRetention, "0", "how long events are kept, such as 90d; 0 is for ever"},
	{"redis", config.EnvRedisURL, "", "shared cache, notices and sessions: redis://…; in this process and the database"},
	{"cache-size", config.EnvCacheSize, "64MiB", "memory of the cache; 0 turns it off"},
	{"cache-ttl", config.EnvCacheTTL, "30s", "how long an answer may come out of the cache"},
	{"session-ttl", config.EnvSessionTTL, "24h", "how long a session lives that does not say"},
	{"session-max-ttl", config.EnvSessionMaxTTL, "720h", "the longest that one may ask for"},
	{"session-size", config.EnvSessionSize, "64KiB", "how large a session may be"},
	{"bots-file", config.EnvBotsFile, "data/bots.json", "the bots, their addresses and secrets"},
	{"listen", config.EnvListen, "127.0.0.1:8081", "address of the API, health checks and metrics"},
	{"log-level", config.EnvLogLevel, "info", "debug, info, warn or error"},
	{"log-format", config.EnvLogFormat, "text", "text or json"},
}

// usage is the text of --help.
func usage() string {
	var text strings.Builder
	text.WriteString(`Botgate's backend records events, delivers them to bots and answers queries.

Usage: botgate-backend [flags]
       botgate-backend dead list|show|replay|drop    look after dead letters; dead --help
       botgate-backend replay --since t --to target  hand events over again; replay --help
       botgate-backend shard list|move               show or move where users are kept; shard --help
       botgate-backend migrate                       bring the schema of the database up to date
       botgate-backend rebuild [day…]                make the read models anew from the log

`)
	for _, o := range options {
		fmt.Fprintf(&text, "  --%-14s %s\n  %16s %s; default %s\n", o.flag, o.help, "", o.env, cmp.Or(o.value, "none"))
	}
	text.WriteString(`  --version        print the version and exit
  --help           print this text and exit

A flag goes before the environment variable below it. Addresses with a password belong
in the environment, since every user of the machine can read a process's flags.
Exit codes: 0 stopped as told, 1 could not start or run, 2 flags or environment are wrong.
`)
	return text.String()
}
