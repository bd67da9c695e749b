package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
)

const migrateUsage = `Brings the schema of the database up to date, of all shards where there are several, and ends.

Usage: botgate-backend migrate

The database is that of the environment: BOTGATE_DATABASE_URL or BOTGATE_SHARDS_FILE. Processes do the
same at their start unless BOTGATE_MIGRATE is off. A schema that is current is left as it is.
Exit codes: 0 all are current, 1 one could not be brought up to date, 2 the environment is wrong.
`

// runMigrate is the command "migrate".
func runMigrate(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	settings, code := databaseSettings(args, migrateUsage, getenv, stdout, stderr)
	if code >= 0 {
		return code
	}
	tell := func(shard string) { say(stdout, fmt.Sprintf("%s: the schema is current\n", shard)) }
	if err := app.Migrate(ctx, settings, warnings(stderr), tell); err != nil {
		say(stderr, complaint(err))
		return exitError
	}
	return exitOK
}

// databaseSettings are those of a command that works on the database and takes no flags. The
// code is -1 when the command is to go on.
func databaseSettings(args []string, usage string, getenv func(string) string, stdout, stderr io.Writer) (config.Config, int) {
	for _, arg := range args {
		switch {
		case arg == "--help" || arg == "-help" || arg == "-h":
			say(stdout, usage)
			return config.Config{}, exitOK
		case len(arg) > 0 && arg[0] == '-':
			say(stderr, complaint(fmt.Errorf("unknown flag %s; see --help", arg)))
			return config.Config{}, exitUsage
		}
	}
	settings, err := config.FromEnv(rolesAside(getenv))
	if err == nil {
		err = settings.Validate()
	}
	if err != nil {
		say(stderr, complaint(err))
		return settings, exitUsage
	}
	return settings, -1
}

// rolesAside is the environment for a command, which has no roles: what is said of them may be
// for the gateway, whose "none" is no backend's.
func rolesAside(getenv func(string) string) func(string) string {
	return func(name string) string {
		if name == config.EnvRoles {
			return ""
		}
		return getenv(name)
	}
}

// warnings logs what an operator who runs a command should know.
func warnings(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
