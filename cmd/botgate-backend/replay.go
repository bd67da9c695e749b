package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/dispatch"
	"github.com/botgate/botgate/backend/replay"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/queue"
)

// progressEvery is the time between two lines of progress.
const progressEvery = 5 * time.Second

// runReplay is the command "replay".
func runReplay(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	now := time.Now()
	command, err := replay.Parse(args, now)
	if errors.Is(err, flag.ErrHelp) {
		say(stdout, replay.Usage)
		return exitOK
	}
	var settings config.Config
	if err == nil {
		settings, err = queueSettings(command.QueueURL, getenv)
	}
	if err != nil {
		say(stderr, complaint(err))
		return exitUsage
	}
	run := &replayRun{Command: command, number: queue.NewReplayID(now), stdout: stdout, stderr: stderr}
	if err := run.openSender(); err != nil {
		say(stderr, complaint(err))
		return exitUsage
	}
	if err := withQueue(ctx, settings, func(q queue.Queue) error { return run.from(ctx, q) }); err != nil {
		say(stderr, complaint(err))
		return exitError
	}
	return exitOK
}

// replayRun is one run of the command.
type replayRun struct {
	*replay.Command
	number         int
	sender         *dispatch.Sender // Nil without an address.
	stdout, stderr io.Writer
}

// openSender prepares what sends to an address.
func (r *replayRun) openSender() error {
	if r.URL == "" {
		return nil
	}
	secret, err := os.ReadFile(r.SecretFile)
	if err != nil {
		return fmt.Errorf("--secret-file: %w", err)
	}
	r.sender, err = dispatch.NewSender(bots.Bot{URL: r.URL, Secrets: []string{strings.TrimSpace(string(secret))}}, r.number)
	if err != nil {
		return fmt.Errorf("--to and --secret-file: %w", err)
	}
	return nil
}

// from replays the history of a queue and tells what came of it.
func (r *replayRun) from(ctx context.Context, q queue.Queue) error {
	cfg := replay.Config{
		History: q, Target: replay.Group{Queue: q, Group: r.Group, ReplayID: r.number},
		Range: r.Range, Filter: r.Filter, Rate: r.Rate, DryRun: r.DryRun, Progress: r.progress(),
	}
	if r.sender != nil {
		defer r.sender.Close()
		// One by one, so that the offset is always that of what has arrived.
		cfg.Target, cfg.Batch = r.receiver(), 1
	}
	summary, err := replay.Run(ctx, cfg)
	say(r.stdout, summary.String()+"\n")
	switch {
	case errors.Is(err, queue.ErrNoHistory):
		return fmt.Errorf("%w: %s is off", err, config.EnvHistory)
	case errors.Is(err, queue.ErrOffset):
		return fmt.Errorf("--after: %w", err)
	case err != nil && summary.Offset == "":
		return fmt.Errorf("interrupted before anything was done: %w", err)
	case err != nil:
		return fmt.Errorf("interrupted; go on with --after %s instead of --since: %w", summary.Offset, err)
	case summary.Failed > 0:
		return fmt.Errorf("the receiver refused %d events", summary.Failed)
	}
	return nil
}

func (r *replayRun) receiver() replay.Receiver {
	return replay.Receiver{
		Post:    r.sender.Send,
		Refused: func(err error) bool { return errors.Is(err, dispatch.ErrRefused) },
		Report:  func(err error) { say(r.stderr, complaint(err)) },
	}
}

// progress tells how far a replay is, once in a while.
func (r *replayRun) progress() func(replay.Summary) {
	last := time.Now()
	return func(s replay.Summary) {
		if now := time.Now(); now.Sub(last) >= progressEvery {
			last = now
			say(r.stderr, s.String()+"\n")
		}
	}
}
