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
	for _, o := range config.Options {
		flags.Func(o.Flag, o.Help, func(v string) error {
			overrides[o.Env] = v
			return nil
		})
	}
	flags.BoolVar(showVersion, "version", false, "print the version and exit")
	return flags
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
	for _, o := range config.Options {
		fmt.Fprintf(&text, "  --%-14s %s\n  %16s %s; default %s\n", o.Flag, o.Help, "", o.Env, cmp.Or(o.Default, o.Unset, "none"))
	}
	text.WriteString(`  --version        print the version and exit
  --help           print this text and exit

A flag goes before the environment variable below it. Addresses with a password belong
in the environment, since every user of the machine can read a process's flags.
Exit codes: 0 stopped as told, 1 could not start or run, 2 flags or environment are wrong.
`)
	return text.String()
}
