// Command botgate-backend runs the backend's roles: it records events, delivers them to
// bots and answers queries about them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes.
const (
	exitOK    = 0
	exitError = 1 // It could not be done, or did not end well.
	exitUsage = 2 // Flags, arguments or environment are wrong.
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Once it stops, a second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, newRoot(os.Getenv))
	stop()
	os.Exit(code)
}

func run(ctx context.Context, root *cobra.Command) int {
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(failure)):
		cmd.PrintErrf("botgate-backend: %v\n", err)
		return exitError
	}
	cmd.PrintErrf("botgate-backend: %v; see %s --help\n", err, cmd.CommandPath())
	return exitUsage
}

// failure is an error of the work itself. All others say that the command is used wrongly.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

func failed(err error) error {
	if err == nil {
		return nil
	}
	return failure{err}
}

// noArgs refuses arguments.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return nil
}
