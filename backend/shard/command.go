// Package shard is the command "botgate-backend shard": where the users are kept, and moving
// them.
package shard

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/botgate/botgate/backend/store/sharded"
)

// Usage is the text of the command's help.
const Usage = `Shows which shard keeps which buckets of users, and moves buckets.

Usage: botgate-backend shard list
       botgate-backend shard move --buckets 512-575 --to b

  list    shows each range of buckets, where the shards file has it and where it is
  move    moves buckets while everything goes on; call it again when it was
          interrupted. All processes must know the new shard before

  --buckets     those to move: 512-575,600
  --to          the shard that gets them
  --group       how many are copied and handed over together, default 64
  --shards-file the shards file; BOTGATE_SHARDS_FILE

Exit codes: 0 done, 1 it could not be done, 2 flags or environment are wrong.
`

// ErrUsage means that the arguments of a command are wrong.
var ErrUsage = errors.New("see botgate-backend shard --help")

// Command is a parsed command line of "botgate-backend shard".
type Command struct {
	// File is the flag --shards-file; empty when it is not given.
	File string

	verb    string
	buckets string
	move    sharded.Move
}

// Store is what the command works on.
type Store interface {
	Ranges(ctx context.Context) ([]sharded.Range, error)
	Move(ctx context.Context, move sharded.Move) error
}

// Parse reads the arguments after "shard". The error is [flag.ErrHelp] or an [ErrUsage].
func Parse(args []string) (*Command, error) {
	c := &Command{}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		c.verb, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("shard", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.StringVar(&c.File, "shards-file", "", "")
	flags.StringVar(&c.buckets, "buckets", "", "")
	flags.StringVar(&c.move.To, "to", "", "")
	flags.IntVar(&c.move.Group, "group", sharded.DefaultGroup, "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil, err
	}
	if err == nil {
		err = c.check(flags.Args())
	}
	if err != nil {
		return nil, fmt.Errorf("%w; %w", err, ErrUsage)
	}
	return c, nil
}

func (c *Command) check(rest []string) (err error) {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case c.verb == "list" && c.buckets == "" && c.move.To == "":
		return nil
	case c.verb == "list":
		return errors.New("list takes no buckets")
	case c.verb != "move":
		return errors.New("the commands are list and move")
	case c.move.To == "":
		return errors.New("move needs --to")
	case c.move.Group < 1:
		return errors.New("--group must be positive")
	}
	if c.move.Buckets, err = sharded.ParseSpans(c.buckets); err != nil {
		return fmt.Errorf("--buckets: %w", err)
	}
	return nil
}

// Run does what the command says. It prints the answer to out and the progress to progress.
func (c *Command) Run(ctx context.Context, s Store, out, progress io.Writer) error {
	if c.verb == "list" {
		return list(ctx, s, out)
	}
	tell := teller{out: progress}
	c.move.Progress = tell.tell
	if err := s.Move(ctx, c.move); err != nil {
		return fmt.Errorf("%w; nothing is lost, call it again to go on", err)
	}
	_, err := fmt.Fprintf(out, "buckets %s are in %s; write that down in the shards file of all processes before their next start\n",
		sharded.Spans(c.move.Buckets), c.move.To)
	return err
}

func list(ctx context.Context, s Store, out io.Writer) error {
	ranges, err := s.Ranges(ctx)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "BUCKETS\tSHARD\tIN THE FILE\tNOTE")
	for _, r := range ranges {
		note := ""
		switch {
		case r.Between != nil:
			note = "between " + strings.Join(r.Between, " and ") + ": call shard move again"
		case !r.Known:
			note = "the shards file does not name it"
		case r.Shard != r.Configured:
			note = "moved"
		}
		fmt.Fprintf(w, "%d-%d\t%s\t%s\t%s\n", r.From, r.To, r.Shard, r.Configured, note)
	}
	return errors.Join(err, w.Flush())
}
