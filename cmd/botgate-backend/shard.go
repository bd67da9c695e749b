package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/store/rebalance"
	"github.com/botgate/botgate/backend/store/sharded"
)

// progressEvery is the time between two lines of progress.
const progressEvery = 5 * time.Second

// buckets is what the command works on.
type buckets interface {
	Ranges(ctx context.Context) ([]rebalance.Range, error)
	Move(ctx context.Context, move rebalance.Move) error
}

func newShard(getenv func(string) string) *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "Shows where the buckets of users are, and where the shards file has them", Args: noArgs,
	}
	list.RunE = withShards(getenv, func(cmd *cobra.Command, s buckets) error {
		return listBuckets(cmd.Context(), s, cmd.OutOrStdout())
	})
	var spans string
	var move rebalance.Move
	moving := &cobra.Command{
		Use: "move --buckets 512-575 --to b", Short: "Moves buckets of users to another shard", Args: noArgs,
		Long: `Moves buckets of users to another shard while everything goes on. Call it again when it was
interrupted. All processes must know the new shard before.`,
		PreRunE: func(*cobra.Command, []string) (err error) {
			switch move.Buckets, err = sharded.ParseSpans(spans); {
			case move.To == "":
				return errors.New("move needs --to")
			case move.Group < 1:
				return errors.New("--group must be positive")
			case err != nil:
				return fmt.Errorf("--buckets: %w", err)
			}
			return nil
		},
	}
	moving.RunE = withShards(getenv, func(cmd *cobra.Command, s buckets) error {
		return moveBuckets(cmd.Context(), s, move, cmd.OutOrStdout(), cmd.ErrOrStderr())
	})
	moving.Flags().StringVar(&spans, "buckets", "", "those to move: 512-575,600")
	moving.Flags().StringVar(&move.To, "to", "", "the shard that gets them")
	moving.Flags().IntVar(&move.Group, "group", rebalance.DefaultGroup, "how many are copied and fenced together")
	addOptionOf(list, config.EnvShardsFile)
	addOptionOf(moving, config.EnvShardsFile)
	return group("shard", "Shows which shard keeps which buckets of users, and moves buckets", list, moving)
}

func withShards(getenv func(string) string, work func(*cobra.Command, buckets) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		settings, err := load(cmd, getenv)
		if err != nil {
			return err
		}
		if settings.Data.ShardsFile == "" {
			return fmt.Errorf("%s: without a shards file there is one database, which has everything", config.EnvShardsFile)
		}
		m, err := sharded.Load(settings.Data.ShardsFile, getenv)
		if err != nil {
			return fmt.Errorf("%s: %w", config.EnvShardsFile, err)
		}
		s, err := app.OpenShards(cmd.Context(), m, settings, warnings(cmd), nil)
		if err == nil {
			err = errors.Join(work(cmd, rebalance.New(s)), s.Close())
		}
		return failed(err)
	}
}

func listBuckets(ctx context.Context, s buckets, out io.Writer) error {
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

func moveBuckets(ctx context.Context, s buckets, move rebalance.Move, out, progress io.Writer) error {
	var last string
	var at time.Time
	// Each step is reported when it begins, and then once in a while.
	move.Progress = func(p rebalance.Progress) {
		step := p.Step + p.From + sharded.Spans(p.Buckets)
		if now := time.Now(); step != last || now.Sub(at) >= progressEvery {
			last, at = step, now
			fmt.Fprintln(progress, p)
		}
	}
	if err := s.Move(ctx, move); err != nil {
		return fmt.Errorf("%w; nothing is lost, call it again to go on", err)
	}
	_, err := fmt.Fprintf(out, "buckets %s are in %s; write that down in the shards file of all processes before their next start\n",
		sharded.Spans(move.Buckets), move.To)
	return err
}
