package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/internal/queue"
)

var errTimeout = errors.New("--timeout must be positive")

// deadRun is one run of a command below dead.
type deadRun struct {
	getenv  func(string) string
	timeout time.Duration
	query   queue.DeadQuery
	json    bool
	all     bool
}

// deadWork does what a command is for, and prints what came of it.
type deadWork func(ctx context.Context, q queue.Queue, ids []string, out io.Writer) error

func newDead(getenv func(string) string) *cobra.Command {
	d := &deadRun{getenv: getenv}
	list := d.command("list [filters]", "Shows dead letters", noArgs, d.list)
	list.Flags().BoolVar(&d.json, "json", false, "print each in a line, as the API does")
	show := d.command("show <id>", "Prints a dead letter with its history and body, as JSON", cobra.ExactArgs(1), d.show)
	replay := d.command("replay <id>... | filters | --all", "Gives events back to those who gave them up, with all attempts anew", d.chosen,
		func(ctx context.Context, q queue.Queue, ids []string, out io.Writer) error {
			return d.move(ctx, q.Redrive, "replayed", ids, out)
		})
	drop := d.command("drop <id>... | filters | --all", "Removes dead letters for good", d.chosen,
		func(ctx context.Context, q queue.Queue, ids []string, out io.Writer) error {
			return d.move(ctx, q.DropDead, "dropped", ids, out)
		})
	for _, cmd := range []*cobra.Command{list, replay, drop} {
		d.addFilters(cmd)
	}
	for _, cmd := range []*cobra.Command{replay, drop} {
		cmd.Flags().BoolVar(&d.all, "all", false, "all dead letters, without a filter")
	}
	return group("dead", "Looks after dead letters: events that no attempt follows, with the reason", list, show, replay, drop)
}

// command makes a command that works on the dead letters of the queue.
func (d *deadRun) command(use, short string, args cobra.PositionalArgs, work deadWork) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: args}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if d.timeout <= 0 {
			return errTimeout
		}
		if d.query.Limit < 0 || d.query.Limit == 0 && cmd.Flags().Changed("limit") {
			return errors.New("--limit must be positive")
		}
		settings, err := load(cmd, d.getenv)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), d.timeout)
		defer cancel()
		return failed(withQueue(ctx, settings, func(q queue.Queue) error { return work(ctx, q, args, cmd.OutOrStdout()) }))
	}
	cmd.Flags().DurationVar(&d.timeout, "timeout", time.Minute, "how long the queue may take")
	addOptionOf(cmd, config.EnvQueueURL)
	return cmd
}

func (d *deadRun) addFilters(cmd *cobra.Command) {
	f, now := cmd.Flags(), time.Now()
	f.StringVar(&d.query.Bot, "bot", "", "events of this bot")
	f.StringVar(&d.query.Type, "type", "", "events of this type")
	f.StringVar(&d.query.Subject, "user", "", "events of this user")
	f.StringVar(&d.query.Reason, "reason", "", "the reason has this text, in upper or lower case")
	f.Func("since", "died then or later: 2026-03-01T12:00:00Z, or 24h for a day ago", timeVar(&d.query.Since, now))
	f.Func("until", "died earlier than that", timeVar(&d.query.Until, now))
	f.IntVar(&d.query.Limit, "limit", 0, "at most so many (default all)")
}

// chosen checks that what is to be moved is named in one way.
func (d *deadRun) chosen(cmd *cobra.Command, ids []string) error {
	ways := 0
	for _, way := range []bool{len(ids) > 0, d.query.DeadFilter != queue.DeadFilter{}, d.all} {
		if way {
			ways++
		}
	}
	if ways != 1 {
		return fmt.Errorf("%s takes either ids, or filters, or --all", cmd.Name())
	}
	return nil
}

func (d *deadRun) list(ctx context.Context, q queue.Queue, _ []string, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	query, left, truncated := d.query, d.query.Limit, false
	if !d.json {
		fmt.Fprintln(table, "ID\tBOT\tTYPE\tUSER\tDIED\tATTEMPTS\tREASON")
	}
	for more := true; more; {
		if query.Limit = queue.MaxDeadPage; left > 0 {
			query.Limit = min(query.Limit, left)
		}
		page, err := q.ListDead(ctx, query)
		if err != nil {
			return err
		}
		for _, l := range page.Letters {
			if err := d.line(table, eventjson.NewDeadLetter(l)); err != nil {
				return err
			}
		}
		query.After, truncated = page.Next, page.Truncated
		left -= len(page.Letters)
		more = page.Next != "" && (d.query.Limit == 0 || left > 0)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return reachable(truncated)
}

func (d *deadRun) line(out io.Writer, v eventjson.DeadLetter) error {
	if !d.json {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", clean(v.ID), clean(v.Bot), clean(v.Type), clean(v.User),
			v.DiedAt.Format(time.RFC3339), v.Attempts, clean(v.Reason))
		return nil
	}
	if err := json.NewEncoder(out).Encode(v); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// clean keeps what senders wrote from telling a terminal what to do.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// reachable complains about dead letters behind those that one call can look at.
func reachable(truncated bool) error {
	if !truncated {
		return nil
	}
	return fmt.Errorf("only the first %d dead letters can be reached; replay or drop some of them to get at the others", queue.MaxDeadScan)
}

func (d *deadRun) show(ctx context.Context, q queue.Queue, ids []string, out io.Writer) error {
	l, err := q.GetDead(ctx, ids[0])
	if err != nil {
		return fmt.Errorf("%s: %w", clean(ids[0]), err)
	}
	object, err := eventjson.DeadLetterWithBody(l)
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, object, "", "  "); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	fmt.Fprintln(out, pretty.String())
	return nil
}

func (d *deadRun) move(ctx context.Context, move queue.DeadMove, verb string, ids []string, out io.Writer) error {
	filters := []queue.DeadFilter{d.query.DeadFilter}
	if len(ids) > 0 {
		filters = nil
	}
	for _, id := range ids {
		filters = append(filters, queue.DeadFilter{ID: id})
	}
	var total queue.DeadResult
	var failures []error
	for _, filter := range filters {
		result, err := move.All(ctx, filter, d.query.Limit)
		total.Done += result.Done
		total.Skipped += result.Skipped
		switch {
		case err != nil:
			failures = append(failures, err)
		case filter.ID != "" && result.Done+result.Skipped == 0:
			failures = append(failures, fmt.Errorf("%s: %w", clean(filter.ID), queue.ErrNotFound))
		default:
			failures = append(failures, reachable(result.Truncated))
		}
	}
	fmt.Fprintf(out, "%s %d\n", verb, total.Done)
	if total.Skipped > 0 {
		failures = append(failures, fmt.Errorf("%d that are no events can only be dropped", total.Skipped))
	}
	return errors.Join(failures...)
}
