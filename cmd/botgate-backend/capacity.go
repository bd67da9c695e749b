package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/capacity"
	"github.com/botgate/botgate/internal/duration"
)

// capacityRun is one run of the command.
type capacityRun struct {
	load   capacity.Load
	engine string
	json   bool
}

func newCapacity() *cobra.Command {
	c := capacityRun{load: capacity.DefaultLoad()}
	cmd := &cobra.Command{
		Use: "capacity --rate N --body SIZE [flags]", Short: "Predicts what a load needs, and what it would run out of first", Args: noArgs,
		Long: `Predicts what a load needs: processes, servers, disks. The part that would be used up first comes first, with how
much of its limit the load takes, where the limit comes from and which option changes it. It asks nothing and
starts nothing: the costs were measured by benchmarks, with the date and the machine that it prints.

Numbers of processes that are not given are as many as are needed, and one more, so that one may be away.`,
		Example: `  botgate-backend capacity --rate 500 --body 2KB --attempts 1.1 --answer-time 150ms --bots 10
  botgate-backend capacity --rate 200 --body 1KB --engine embedded --cores 4
  botgate-backend capacity --rate 500 --body 2KB --gateways 2 --dispatch 2 --json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd) },
	}
	c.addLoad(cmd)
	c.addMachines(cmd)
	return cmd
}

// addLoad adds the flags of what comes.
func (c *capacityRun) addLoad(cmd *cobra.Command) {
	f, l := cmd.Flags(), &c.load
	f.SortFlags = false
	f.Float64Var(&l.Rate, "rate", 0, "events a second at the peak")
	f.Float64Var(&l.Mean, "mean", l.Mean, "events a second over the whole day (default as many as at the peak)")
	f.Func("body", "size of a body, such as 2KB", func(text string) error {
		n, err := bytesFlag(text)
		l.Body = int(n)
		return err
	})
	f.Float64Var(&l.Attempts, "attempts", l.Attempts, "how often an event is sent to its bot in the mean")
	f.Func("answer-time", "how long a bot takes to answer (default 100ms)", durationVar(&l.AnswerTime))
	f.IntVar(&l.Bots, "bots", l.Bots, "how many bots there are")
	f.Float64Var(&l.Busiest, "busiest", l.Busiest, "share of all events that the busiest bot gets, such as 0.5 (default all bots get as many)")
	f.IntVar(&l.Queues, "queues", l.Queues, `"queues" of the busiest bot in the bots file`)
	f.Float64Var(&l.Reads, "reads", 0, "requests a second to the API (default none)")
	f.IntVar(&l.Connections, "connections", l.Connections, "connections that clients hold open")
	f.Func("outage", "how long the queue, or its consumers, may be away (default 1h)", durationVar(&l.Outage))
	f.BoolVar(&l.History, "history", false, "RabbitMQ keeps a history for replays")
	f.BoolVar(&l.Blobs, "blobs", false, "there is a blob store for bodies above 256 KB")
	f.Func("retention", "how long the database keeps events (default 1d)", durationVar(&l.Retention))
}

// addMachines adds the flags of what there is for it.
func (c *capacityRun) addMachines(cmd *cobra.Command) {
	f, l := cmd.Flags(), &c.load
	f.StringVar(&c.engine, "engine", "servers", "servers: RabbitMQ, PostgreSQL and Redis; embedded: files, in one process")
	f.BoolVar(&l.OneMachine, "one-machine", false, "all programs share one machine")
	f.Float64Var(&l.Cores, "cores", l.Cores, "cores of each process and of each server, or of the one machine")
	f.IntVar(&l.Gateways, "gateways", 0, "how many gateways there are (default as many as are needed)")
	f.IntVar(&l.Dispatch, "dispatch", 0, "how many processes have the role dispatch")
	f.IntVar(&l.Record, "record", 0, "how many have the role record")
	f.IntVar(&l.API, "api", 0, "how many have the role api")
	f.IntVar(&l.MaxConnections, "max-connections", l.MaxConnections, "PostgreSQL's max_connections")
	f.Func("disk", "free for queues on each node of RabbitMQ, such as 50GB (default not known)", func(text string) (err error) {
		l.Disk, err = bytesFlag(text)
		return err
	})
	f.BoolVar(&c.json, "json", false, "print JSON")
}

func (c *capacityRun) run(cmd *cobra.Command) error {
	for _, required := range []string{"rate", "body"} {
		if !cmd.Flags().Changed(required) {
			return fmt.Errorf("--%s is missing", required)
		}
	}
	switch c.engine {
	case "servers":
	case "embedded":
		c.load.Embedded = true
	default:
		return errors.New("--engine must be servers or embedded")
	}
	constants, err := capacity.Default()
	if err != nil {
		return failed(err)
	}
	plan, err := capacity.New(c.load, constants)
	if err != nil {
		return fmt.Errorf("--%w", err)
	}
	if !c.json {
		return failed(plan.Print(cmd.OutOrStdout()))
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	out.SetIndent("", "  ")
	return failed(out.Encode(plan))
}

func durationVar(to *time.Duration) func(string) error {
	return func(text string) (err error) {
		*to, err = duration.Parse(text)
		return err
	}
}

func bytesFlag(text string) (float64, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > math.MaxInt64 {
		return 0, errors.New("must be a size such as 500, 2KB or 1.5GB")
	}
	return float64(n), nil
}
