package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/caddyserver/caddy/v2/notify"
	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/logformat"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/internal/version"
)

// service is the program's name, in its records, too.
const service = "botgate-backend"

// newRoot returns the command that runs the roles, with all others below it.
func newRoot(getenv func(string) string) *cobra.Command {
	root := &cobra.Command{
		Use:   "botgate-backend",
		Short: "Records events, delivers them to bots and answers queries",
		Long: `Botgate's backend records events, delivers them to bots and answers queries.

A flag goes before the environment variable that its line names. Addresses with a password
belong in the environment, since every user of the machine can read a process's flags.
Changes of the bots file, of the secrets that it names and of the shards file are noticed within
2 seconds, and at SIGHUP, which also has the log say how they stand.
Exit codes: 0 stopped as told or done, 1 it could not start or be done, 2 flags, arguments
or environment are wrong.`,
		Args: noArgs, SilenceErrors: true, SilenceUsage: true, DisableAutoGenTag: true,
	}
	root.Flags().SortFlags = false
	for _, o := range config.Options {
		addOption(root, o)
	}
	// Not cobra's own: with a template for it, the linker keeps every method of every type, 14 MB.
	asked := root.Flags().BoolP("version", "v", false, "version for botgate-backend")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if *asked {
			printVersion(cmd)
			return nil
		}
		return serve(cmd, getenv)
	}
	root.AddCommand(newDead(getenv), newReplay(getenv), newRetry(getenv), newGiveUp(getenv), newShard(getenv), newMigrate(getenv), newRebuild(getenv),
		newHealth(getenv), newCapacity(), newVersion())
	return root
}

func serve(cmd *cobra.Command, getenv func(string) string) error {
	settings, err := load(cmd, getenv)
	if err != nil {
		return err
	}
	log := logformat.NewLogger(cmd.ErrOrStderr(), settings.LogFormat, settings.LogLevel, service, "backend")
	defer onHangup(log)()
	defer limitMemory(log)()
	defer context.AfterFunc(cmd.Context(), announcing(log, notify.Stopping))()
	spans, err := tracing.Start(cmd.Context(), tracing.Config{Service: "botgate-backend", Logger: log})
	if err != nil {
		return err
	}
	backend, err := app.New(app.Config{
		Settings: settings, Started: announcing(log, notify.Ready), Tracer: spans.Tracer(), Logger: log,
	})
	if err == nil {
		err = backend.Run(cmd.Context())
	}
	if err = errors.Join(err, spans.Close()); err != nil {
		return failed(err)
	}
	log.Info("stopped")
	return nil
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Prints the version, the commit and the version of Go", Args: noArgs,
		Run: func(cmd *cobra.Command, _ []string) { printVersion(cmd) },
	}
}

func printVersion(cmd *cobra.Command) {
	fmt.Fprintln(cmd.OutOrStdout(), version.Text(service))
}

// addOption adds the flag of a setting to a command; [load] reads it.
func addOption(cmd *cobra.Command, o config.Option) {
	cmd.Flags().String(o.Flag, "", fmt.Sprintf("%s\n(%s; default %s)", o.Help, o.Env, cmp.Or(o.Default, o.Unset, "none")))
}

// addOptionOf adds the flag of the setting with an environment variable.
func addOptionOf(cmd *cobra.Command, env string) {
	for _, o := range config.Options {
		if o.Env == env {
			addOption(cmd, o)
		}
	}
}

// load reads the settings of a command: from its flags where given, else from the environment.
func load(cmd *cobra.Command, getenv func(string) string) (config.Config, error) {
	settings, err := config.Load(func(o config.Option) string {
		if f := cmd.Flags().Lookup(o.Flag); f != nil && f.Changed {
			return f.Value.String()
		}
		// A command serves nothing: roles may be for the gateway, whose "none" is no backend's, and an address that
		// others reach would ask for the API's secret, and the console for its own.
		if cmd.HasParent() && (o.Env == config.EnvRoles || o.Env == config.EnvListen || o.Env == config.EnvConsole) {
			return ""
		}
		return getenv(o.Env)
	})
	if err == nil {
		err = settings.Validate()
	}
	return settings, err
}

// warnings logs what an operator who runs a command should know.
func warnings(cmd *cobra.Command) *slog.Logger {
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// group makes a command that does nothing without one of those below it.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	names := make([]string, len(commands))
	for i, cmd := range commands {
		names[i] = cmd.Name()
	}
	cmd := &cobra.Command{Use: name, Short: short, RunE: func(*cobra.Command, []string) error {
		return fmt.Errorf("the commands are %s", strings.Join(names, ", "))
	}}
	cmd.AddCommand(commands...)
	return cmd
}
