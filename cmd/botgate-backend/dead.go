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
	"github.com/botgate/botgate/backend/deadletter"
	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/sharded"
)

// deadRun is one run of a command below dead.
type deadRun struct {
	getenv func(string) string
	filter deadletter.Filter
	limit  int
	rate   int
	json   bool
	all    bool
}

// deadWork does what a command is for, and prints what came of it.
type deadWork func(cmd *cobra.Command, s *sharded.Store, args []string) error

func newDead(getenv func(string) string) *cobra.Command {
	d := &deadRun{getenv: getenv}
	list := d.command("list [filters]", "Shows dead letters, those of the newest events first", noArgs, d.list)
	list.Flags().BoolVar(&d.json, "json", false, "print each in a line, as the API does")
	list.Flags().IntVar(&d.limit, "limit", 0, "at most so many (default all)")
	summary := d.command("summary [filters]", "Counts dead letters by bot and by reason", noArgs, d.summary)
	show := d.command("show <id>", "Prints a dead letter with its history and body, as JSON", cobra.ExactArgs(1), d.show)
	replay := d.command("replay <id>... | filters | --all", "Has bots get events again, with all attempts anew, by a job", d.chosen, d.move(deadletter.ReplayJob))
	drop := d.command("drop <id>... | filters | --all", "Marks dead letters as dropped, by a job", d.chosen, d.move(deadletter.DropJob))
	for _, cmd := range []*cobra.Command{list, summary, replay, drop} {
		d.addFilters(cmd)
	}
	for _, cmd := range []*cobra.Command{replay, drop} {
		cmd.Flags().BoolVar(&d.all, "all", false, "all dead letters, without a filter")
		cmd.Flags().IntVar(&d.rate, "rate", 0, "at most so many per second; 0 for no bound (default 100 for replay, no bound for drop)")
	}
	return group("dead", "Looks after dead letters: events that were given up, with the reason",
		list, summary, show, replay, drop, newRejected(getenv))
}

// command makes a command that works on the dead letters in the databases.
func (d *deadRun) command(use, short string, args cobra.PositionalArgs, work deadWork) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: args}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if d.limit < 0 || d.limit == 0 && cmd.Flags().Changed("limit") {
			return errors.New("--limit must be positive")
		}
		if d.rate < 0 {
			return errors.New("--rate must not be negative")
		}
		settings, err := load(cmd, d.getenv)
		if err != nil {
			return err
		}
		return failed(withStore(cmd, settings, func(s *sharded.Store) error { return work(cmd, s, args) }))
	}
	addOptionOf(cmd, config.EnvDatabaseURL)
	addOptionOf(cmd, config.EnvShardsFile)
	return cmd
}

func (d *deadRun) addFilters(cmd *cobra.Command) {
	f, now := cmd.Flags(), time.Now()
	f.StringVar(&d.filter.Bot, "bot", "", "events of this bot")
	f.StringVar(&d.filter.Type, "type", "", "events of this type")
	f.StringVar(&d.filter.User, "user", "", "events of this user")
	f.StringVar(&d.filter.Reason, "reason", "", "the reason has this text, in upper or lower case")
	f.Func("since", "died then or later: 2026-03-01T12:00:00Z, or 24h for a day ago", timeVar(&d.filter.Since.Time, now))
	f.Func("until", "died earlier than that", timeVar(&d.filter.Until.Time, now))
}

// chosen checks that what is to be moved is named in one way.
func (d *deadRun) chosen(cmd *cobra.Command, ids []string) error {
	if m := (deadletter.Move{IDs: ids, Filter: d.filter, All: d.all}); !m.IsChosen() {
		return fmt.Errorf("%s takes either ids, or filters, or --all", cmd.Name())
	}
	return nil
}

// list shows page after page, so that what one page can look through is no bound.
func (d *deadRun) list(cmd *cobra.Command, s *sharded.Store, _ []string) error {
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	if !d.json {
		fmt.Fprintln(table, "ID\tBOT\tTYPE\tUSER\tDIED\tATTEMPTS\tREASON")
	}
	left := d.limit
	for q := (deadletter.Query{Filter: d.filter}); ; {
		if q.Limit = deadletter.MaxLimit; d.limit > 0 {
			q.Limit = min(q.Limit, left)
		}
		page, err := deadletter.List(cmd.Context(), s, q)
		if err != nil {
			return err
		}
		for _, r := range page.Records {
			if err := d.line(table, eventjson.NewDeadLetter(r)); err != nil {
				return err
			}
		}
		if err := table.Flush(); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
		left -= len(page.Records)
		if page.Next == nil || d.limit > 0 && left <= 0 {
			return answered(page.Missing)
		}
		q.After = *page.Next
	}
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

// answered complains about shards that did not answer.
func answered(missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("shards do not answer, so what they have is missing: %s", strings.Join(missing, ", "))
}

func (d *deadRun) summary(cmd *cobra.Command, s *sharded.Store, _ []string) error {
	sum, err := deadletter.Summarize(cmd.Context(), s, d.filter)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "COUNT\tOLDEST\tNEWEST\tOF")
	line := func(g deadletter.Group, of string) {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\n", g.Count, g.Oldest.Format(time.RFC3339), g.Newest.Format(time.RFC3339), of)
	}
	if sum.Count > 0 {
		line(deadletter.Group{Count: sum.Count, Oldest: sum.Oldest, Newest: sum.Newest}, "all")
	}
	for _, g := range sum.Bots {
		line(g, "bot "+clean(g.Name))
	}
	for _, g := range sum.Reasons {
		line(g, "reason "+clean(g.Name))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	if sum.Next != nil {
		cmd.PrintErrf("there are more, of events accepted before %s\n", sum.Next.Time.Format(time.RFC3339))
	}
	return answered(sum.Missing)
}

func (d *deadRun) show(cmd *cobra.Command, s *sharded.Store, ids []string) error {
	r, err := findDead(cmd.Context(), s, ids[0])
	if err != nil {
		return err
	}
	object, err := eventjson.DeadLetterWithBody(r)
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, object, "", "  "); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	fmt.Fprintln(cmd.OutOrStdout(), pretty.String())
	return nil
}

// findDead reads a dead letter, or says why there is none.
func findDead(ctx context.Context, s *sharded.Store, id string) (*store.Record, error) {
	r, err := deadletter.Get(store.Fresh(ctx), s, id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", clean(id), err)
	}
	return r, nil
}
