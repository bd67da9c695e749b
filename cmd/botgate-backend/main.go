// Command botgate-backend runs the backend's roles: it records events, delivers them to
// bots and answers queries about them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
)

// The exit codes.
const (
	exitOK    = 0
	exitError = 1 // It could not start, or did not end well.
	exitUsage = 2 // The flags or the environment are wrong.
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Once it stops, a second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "dead":
			return runDead(ctx, args[1:], getenv, stdout, stderr)
		case "replay":
			return runReplay(ctx, args[1:], getenv, stdout, stderr)
		case "migrate":
			return runMigrate(ctx, args[1:], getenv, stdout, stderr)
		case "rebuild":
			return runRebuild(ctx, args[1:], getenv, stdout, stderr)
		case "shard":
			return runShard(ctx, args[1:], getenv, stdout, stderr)
		}
	}
	cfg, show, err := parse(args, getenv)
	switch {
	case errors.Is(err, flag.ErrHelp):
		say(stdout, usage())
		return exitOK
	case err != nil:
		say(stderr, complaint(err))
		return exitUsage
	case show:
		say(stdout, "botgate-backend "+version()+"\n")
		return exitOK
	}
	log := newLogger(cfg, stderr)
	backend, err := app.New(app.Config{Settings: cfg, Logger: log})
	if err == nil {
		err = backend.Run(ctx)
	}
	if err != nil {
		say(stderr, complaint(err))
		return exitError
	}
	log.Info("stopped")
	return exitOK
}

// complaint says in a line of its own why the process ends, whatever the log's format.
func complaint(err error) string { return fmt.Sprintf("botgate-backend: %v\n", err) }

// say writes to a stream that, when it fails, leaves nowhere to report to.
func say(w io.Writer, text string) { _, _ = io.WriteString(w, text) }

func newLogger(cfg config.Config, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}
