package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/internal/queue"
)

// rejectedRun is one run of a command below rejected.
type rejectedRun struct {
	getenv func(string) string
	limit  int
	json   bool
	all    bool
}

// rejected is a message as the command shows it.
type rejected struct {
	ID     string      `json:"id"`
	Bot    string      `json:"bot"`
	Group  queue.Group `json:"group"`
	At     time.Time   `json:"at"`
	Reason string      `json:"reason"`
	Data   []byte      `json:"data_base64"`
}

func newRejected(getenv func(string) string) *cobra.Command {
	r := &rejectedRun{getenv: getenv}
	list := r.command("list", "Shows them, with bodies as JSON", noArgs, r.list)
	list.Flags().BoolVar(&r.json, "json", false, "print each in a line, with its body")
	replay := r.command("replay <id>... | --all", "Gives them back to those who rejected them", r.chosen, r.settle("replayed", queue.Consumer.Redrive))
	drop := r.command("drop <id>... | --all", "Removes them for good", r.chosen, r.settle("dropped", queue.Consumer.Ack))
	for _, cmd := range []*cobra.Command{replay, drop} {
		cmd.Flags().BoolVar(&r.all, "all", false, "all of them, as far as the limit goes")
	}
	return group("rejected", "Looks after what the log could not take: messages that stay in the queue, with the reason", list, replay, drop)
}

func (r *rejectedRun) command(use, short string, args cobra.PositionalArgs, work queueWork) *cobra.Command {
	cmd := onQueue(&cobra.Command{Use: use, Short: short, Args: args}, r.getenv, r.checkLimit, work)
	cmd.Flags().IntVar(&r.limit, "limit", queue.MaxDead, "look at the first so many")
	return cmd
}

func (r *rejectedRun) checkLimit() error {
	if r.limit < 1 || r.limit > queue.MaxDead {
		return fmt.Errorf("--limit must be from 1 to %d", queue.MaxDead)
	}
	return nil
}

func (r *rejectedRun) chosen(cmd *cobra.Command, ids []string) error {
	if (len(ids) > 0) == r.all {
		return fmt.Errorf("%s takes either ids, or --all", cmd.Name())
	}
	return nil
}

func (r *rejectedRun) list(ctx context.Context, q queue.Queue, _ []string, out io.Writer) error {
	table, shown := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0), int64(0)
	if !r.json {
		fmt.Fprintln(table, "ID\tBOT\tGROUP\tAT\tREASON")
	}
	all, err := queue.EachDead(ctx, q, r.limit, func(_ queue.Consumer, d *queue.Delivery) error {
		shown++
		v := rejected{ID: d.Event.ID, Bot: d.Event.Bot, Group: d.Dead.Group, At: d.Dead.At.UTC(), Reason: d.Dead.Reason, Data: d.Event.Data}
		if r.json {
			return json.NewEncoder(table).Encode(v)
		}
		_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", clean(v.ID), clean(v.Bot), v.Group, v.At.Format(time.RFC3339), clean(v.Reason))
		return err
	})
	if err == nil {
		err = table.Flush()
	}
	if err != nil {
		return err
	}
	return reachable(all, shown)
}

// reachable complains about messages that were not looked at.
func reachable(all, seen int64) error {
	if seen >= all {
		return nil
	}
	return fmt.Errorf("there are %d more, behind these or in the hands of somebody else; replay or drop some, or look again", all-seen)
}

// settle settles those with the ids, or all.
func (r *rejectedRun) settle(verb string, by func(queue.Consumer, context.Context, ...*queue.Delivery) error) queueWork {
	return func(ctx context.Context, q queue.Queue, ids []string, out io.Writer) error {
		done, seen, found := 0, int64(0), map[string]bool{}
		var failures []error
		all, err := queue.EachDead(ctx, q, r.limit, func(c queue.Consumer, d *queue.Delivery) error {
			seen++
			if !r.all && !slices.Contains(ids, d.Event.ID) {
				return nil
			}
			found[d.Event.ID] = true
			switch err := by(c, ctx, d); {
			case errors.Is(err, queue.ErrInvalid):
				failures = append(failures, fmt.Errorf("%s is no event and can only be dropped: %w", clean(d.Event.ID), err))
			case err != nil:
				return err
			default:
				done++
			}
			return nil
		})
		fmt.Fprintf(out, "%s %d\n", verb, done)
		for _, id := range ids {
			if !found[id] {
				failures = append(failures, fmt.Errorf("%s: it is not among the first %d", clean(id), seen))
			}
		}
		if r.all {
			failures = append(failures, reachable(all, seen))
		}
		return errors.Join(append(failures, err)...)
	}
}
