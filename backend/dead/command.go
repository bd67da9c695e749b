package dead

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/botgate/botgate/internal/queue"
)

// Usage is the text of the command's help.
const Usage = `Looks after dead letters: events that no attempt follows, with the reason.

Usage: botgate-backend dead list   [filters] [--limit n] [--json]
       botgate-backend dead show   <id>
       botgate-backend dead replay <id>... | filters [--limit n] | --all
       botgate-backend dead drop   <id>... | filters [--limit n] | --all

  list    shows them; --json prints each in a line, as the API does
  show    prints one with its history and body, as JSON
  replay  gives events back to those who gave them up, with all attempts anew
  drop    removes them for good

  --bot, --type, --user   events of this bot, type, user
  --reason      the reason has this text, in upper or lower case
  --since       died then or later: 2026-03-01T12:00:00Z, or 24h for a day ago
  --until       died earlier than that
  --limit       at most so many; default: all
  --all         replay or drop without a filter
  --queue       the queue; BOTGATE_QUEUE_URL; default sqlite:data/queue.db
  --timeout     how long the queue may take, default 1m

Exit codes: 0 done, 1 it could not be done, 2 flags or environment are wrong.
`

// ErrUsage means that the arguments of a command are wrong.
var ErrUsage = errors.New("see botgate-backend dead --help")

// Command is a parsed command line of "botgate-backend dead".
type Command struct {
	// QueueURL is the flag --queue; empty when it is not given.
	QueueURL string
	// Timeout bounds the command. Default one minute.
	Timeout time.Duration

	verb  string
	ids   []string
	query queue.DeadQuery
	json  bool
	all   bool
}

// Parse reads the arguments after "dead". The error is [flag.ErrHelp] or an [ErrUsage].
func Parse(args []string, now time.Time) (*Command, error) {
	c := &Command{}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		c.verb, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("dead", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.StringVar(&c.QueueURL, "queue", "", "")
	flags.DurationVar(&c.Timeout, "timeout", time.Minute, "")
	flags.BoolVar(&c.json, "json", false, "")
	flags.BoolVar(&c.all, "all", false, "")
	for _, name := range []string{"bot", "type", "user", "reason", "since", "until", "limit"} {
		flags.Func(name, "", func(value string) error { return Set(&c.query, name, value, now) })
	}
	// Flags may stand before and after ids.
	for rest := args; len(rest) > 0; {
		if err := flags.Parse(rest); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, fmt.Errorf("%w; %w", err, ErrUsage)
		}
		if rest = flags.Args(); len(rest) > 0 {
			c.ids, rest = append(c.ids, rest[0]), rest[1:]
		}
	}
	return c, c.check()
}

func (c *Command) check() error {
	filtered := !Everything(c.query.DeadFilter)
	wrong := ""
	switch c.verb {
	case "list":
		if len(c.ids) > 0 {
			wrong = "list takes filters; show takes an id"
		}
	case "show":
		if len(c.ids) != 1 || filtered || c.query.Limit > 0 {
			wrong = "show takes one id"
		}
	case "replay", "drop":
		if ways := count(len(c.ids) > 0, filtered, c.all); ways != 1 {
			wrong = c.verb + " takes either ids, or filters, or --all"
		}
	default:
		wrong = "the commands are list, show, replay and drop"
	}
	if wrong == "" && c.Timeout <= 0 {
		wrong = "--timeout must be positive"
	}
	if wrong != "" {
		return fmt.Errorf("%s; %w", wrong, ErrUsage)
	}
	return nil
}

func count(facts ...bool) (n int) {
	for _, fact := range facts {
		if fact {
			n++
		}
	}
	return n
}

// Run does what the command says and prints what came of it.
func (c *Command) Run(ctx context.Context, letters queue.DeadLetters, out io.Writer) error {
	switch c.verb {
	case "list":
		return c.list(ctx, letters, out)
	case "show":
		return c.show(ctx, letters, out)
	case "replay":
		return c.move(ctx, letters.Redrive, "replayed", out)
	default:
		return c.move(ctx, letters.DropDead, "dropped", out)
	}
}

func (c *Command) list(ctx context.Context, letters queue.DeadLetters, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	q, left, truncated := c.query, c.query.Limit, false
	if !c.json {
		fmt.Fprintln(table, "ID\tBOT\tTYPE\tUSER\tDIED\tATTEMPTS\tREASON")
	}
	for more := true; more; {
		if q.Limit = queue.MaxDeadPage; left > 0 {
			q.Limit = min(q.Limit, left)
		}
		page, err := letters.ListDead(ctx, q)
		if err != nil {
			return err
		}
		for _, l := range page.Letters {
			if err := c.line(table, NewView(l)); err != nil {
				return err
			}
		}
		q.After, truncated = page.Next, page.Truncated
		left -= len(page.Letters)
		more = page.Next != "" && (c.query.Limit == 0 || left > 0)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return reachable(truncated)
}

func (c *Command) line(out io.Writer, v View) error {
	if !c.json {
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

func (c *Command) show(ctx context.Context, letters queue.DeadLetters, out io.Writer) error {
	l, err := letters.GetDead(ctx, c.ids[0])
	if err != nil {
		return fmt.Errorf("%s: %w", clean(c.ids[0]), err)
	}
	object, err := Document(l)
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

func (c *Command) move(ctx context.Context, move Move, verb string, out io.Writer) error {
	filters := []queue.DeadFilter{c.query.DeadFilter}
	if len(c.ids) > 0 {
		filters = nil
	}
	for _, id := range c.ids {
		filters = append(filters, queue.DeadFilter{ID: id})
	}
	var total queue.DeadResult
	var failures []error
	for _, filter := range filters {
		result, err := All(ctx, filter, c.query.Limit, time.Now(), move)
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
