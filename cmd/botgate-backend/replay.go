package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/dispatch"
	"github.com/botgate/botgate/backend/replay"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/duration"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/secret"
)

// replayRun is one run of the command replay.
type replayRun struct {
	cmd            *cobra.Command
	id             int // Of the replay.
	to, secretFile string
	config         replay.Config
	group          queue.Group
	sender         *dispatch.Sender // Nil without an address.
}

func newReplay(getenv func(string) string) *cobra.Command {
	now := time.Now()
	r := &replayRun{id: queue.NewReplayID(now)}
	r.cmd = &cobra.Command{
		Use: "replay --since <time> --to <target>", Short: "Hands events of the queue's history over again", Args: noArgs,
		Long: `Hands events of the queue's history over again, in the order of their acceptance. The target is

  record      the event log gets them again and stores what it lacks
  dispatch    the bots get them again
  <url>       a receiver of your own gets them, as a bot would

The exit code is 1, too, when a receiver refused events.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.check(); err != nil {
				return err
			}
			settings, err := load(cmd, getenv)
			if err != nil {
				return err
			}
			if err := r.openSender(); err != nil {
				return err
			}
			return failed(withQueue(cmd.Context(), settings, func(q queue.Queue) error { return r.from(cmd.Context(), q) }))
		},
	}
	f := r.cmd.Flags()
	f.Func("since", "from what was accepted then: 2026-03-01T12:00:00Z, or 24h or 7d for so long ago", timeVar(&r.config.Range.Since, now))
	f.StringVar(&r.config.Range.After, "after", "", "go on behind this offset instead, as an interrupted replay prints it")
	f.Func("until", "only what was accepted before that; as with --since", timeVar(&r.config.Filter.Until, now))
	f.StringVar(&r.config.Filter.Bot, "bot", "", "only events of this bot")
	f.StringVar(&r.config.Filter.Type, "type", "", "only events of this type")
	f.StringVar(&r.config.Filter.Subject, "user", "", "only events of this user")
	f.StringVar(&r.to, "to", "", "record, dispatch, or an http or https address")
	f.StringVar(&r.secretFile, "secret-file", "", "the secret (whsec_...) that signs what goes to an address")
	f.IntVar(&r.config.Rate, "rate", 0, "at most so many events per second (default no bound)")
	f.BoolVar(&r.config.DryRun, "dry-run", false, "count and send nothing")
	addOptionOf(r.cmd, config.EnvQueueURL)
	return r.cmd
}

// timeVar is a flag that is a time, or an age.
func timeVar(at *time.Time, now time.Time) func(string) error {
	return func(text string) (err error) {
		*at, err = duration.ParseTime(text, now)
		return err
	}
}

// check reads the flags. Its errors do not repeat an address, which may hold a password.
func (r *replayRun) check() error {
	target, err := url.Parse(r.to)
	isURL := err == nil && (target.Scheme == "http" || target.Scheme == "https") && target.Host != ""
	if group := queue.Group(r.to); group == queue.Record || group == queue.Dispatch {
		r.group = group
	}
	c := r.config
	switch {
	case r.to == "":
		return errors.New("--to is missing: record, dispatch, or an address")
	case !isURL && r.group == "":
		return errors.New("--to: it must be record, dispatch, or an http or https address")
	case c.Range.Since.IsZero() == (c.Range.After == ""):
		return errors.New("one of --since and --after is needed")
	case !c.Filter.Until.IsZero() && c.Filter.Until.Before(c.Range.Since):
		return errors.New("--until is before --since")
	case c.Filter.Bot != "" && !event.ValidBot(c.Filter.Bot):
		return errors.New("--bot is no bot's name")
	case c.Rate < 0:
		return errors.New("--rate must not be negative")
	case isURL && r.secretFile == "":
		return errors.New("--secret-file is missing: what goes to an address is signed")
	case !isURL && r.secretFile != "":
		return errors.New("--secret-file is for an address only")
	}
	return nil
}

// openSender prepares what sends to an address.
func (r *replayRun) openSender() error {
	if r.group != "" {
		return nil
	}
	raw, err := secret.FromFile(r.secretFile)
	if err != nil {
		return fmt.Errorf("--secret-file: %w", err)
	}
	r.sender, err = dispatch.NewSender(bots.Bot{URL: r.to, AllowPrivate: true, Secrets: []string{string(raw)}}, r.id)
	if err != nil {
		return fmt.Errorf("--to and --secret-file: %w", err)
	}
	return nil
}

// from replays the history of a queue and reports what came of it.
func (r *replayRun) from(ctx context.Context, q queue.Queue) error {
	cfg := r.config
	cfg.History, cfg.Progress = q, r.progress()
	cfg.Target = replay.Group{Queue: q, Group: r.group, ReplayID: r.id}
	if r.sender != nil {
		defer r.sender.Close()
		// One by one, so that the offset is always that of what has arrived.
		cfg.Target, cfg.Batch = r.receiver(), 1
	}
	summary, err := replay.Run(ctx, cfg)
	fmt.Fprintln(r.cmd.OutOrStdout(), summary)
	switch {
	case errors.Is(err, queue.ErrNoHistory):
		return fmt.Errorf("%w: see %s", err, config.EnvHistory)
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
		Report:  func(err error) { r.cmd.PrintErrln("botgate-backend:", err) },
	}
}

// progress reports how far a replay is, once in a while.
func (r *replayRun) progress() func(replay.Summary) {
	last := time.Now()
	return func(s replay.Summary) {
		if now := time.Now(); now.Sub(last) >= progressEvery {
			last = now
			r.cmd.PrintErrln(s)
		}
	}
}
