// Command withsvc runs a command with a private Redis, RabbitMQ, PostgreSQL and S3, shared
// by everything the command starts, and leaves nothing behind:
//
//	go run ./internal/testsvc/withsvc -- go test -race ./...
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/botgate/botgate/internal/testsvc"
)

const (
	exitUsage = 2
	exitSetup = 1
	// exitSignal is what shells add to a signal's number.
	exitSignal = 128
	// parentInterval is how often we look whether our parent lives.
	parentInterval = 500 * time.Millisecond
)

// ending are the signals that ask us to end.
var ending = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: withsvc -- command [argument…]")
		os.Exit(exitUsage)
	}
	code, err := run(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "withsvc:", err)
	}
	os.Exit(code)
}

// run returns the command's own exit code, and an error only for what went wrong
// around it.
func run(args []string) (int, error) {
	// Signals are taken from the start: one that ended us in the middle of it would
	// leave the servers to their watchers.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, ending...)
	defer signal.Stop(signals)
	ctx, cancel := signal.NotifyContext(context.Background(), ending...)
	defer cancel()

	env, stop, err := testsvc.StartAll(ctx, func(line string) { fmt.Fprintln(os.Stderr, line) })
	if ctx.Err() != nil && err != nil {
		return exitSignal + int((<-signals).(syscall.Signal)), errors.New("interrupted while starting")
	}
	if err != nil {
		return exitSetup, err
	}
	defer stop()
	// Not tied to ctx: the command gets the signal and ends by itself.
	cmd := exec.CommandContext(context.Background(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	// In a group of its own, signals reach the command once and with all its children.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return exitSetup, fmt.Errorf("starting the command: %w", err)
	}
	return wait(cmd, signals)
}

// wait forwards signals to the command until it ends, and asks it to end when our own
// parent did: "go run" passes no SIGTERM on, it just dies of it.
func wait(cmd *exec.Cmd, signals <-chan os.Signal) (int, error) {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	parent, look := os.Getppid(), time.NewTicker(parentInterval)
	defer look.Stop()
	// A group that is gone already cannot be signalled, and need not be.
	send := func(s syscall.Signal) { _ = syscall.Kill(-cmd.Process.Pid, s) }
	for {
		select {
		case s := <-signals:
			send(s.(syscall.Signal))
		case <-look.C:
			if os.Getppid() != parent {
				send(syscall.SIGTERM)
			}
		case err := <-ended:
			send(syscall.SIGKILL)
			return exitCode(err)
		}
	}
}

func exitCode(err error) (int, error) {
	var failed *exec.ExitError
	if !errors.As(err, &failed) {
		if err != nil {
			return exitSetup, fmt.Errorf("waiting for the command: %w", err)
		}
		return 0, nil
	}
	if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignal + int(status.Signal()), nil
	}
	return failed.ExitCode(), nil
}
