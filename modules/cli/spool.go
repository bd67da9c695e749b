package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/botgate/botgate/internal/queue/spool"
)

const envSpool = "BOTGATE_SPOOL"

// spoolTimeout bounds each of the commands.
const spoolTimeout = time.Minute

func spoolCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "spool", Usage: "list|drop", Short: "Lists and drops what the spool keeps aside",
		Long: `
Works on events that were accepted and that RabbitMQ refused for good, such as those above its
max_message_size. The gateway may run meanwhile. Once RabbitMQ's limit is raised, restart the gateway: it
offers them again at each start.`,
		CobraFunc: func(cmd *cobra.Command) {
			list := spoolSubcommand("list", "Prints a line for each event that is kept aside", `
Prints the time when each event was set aside, its id, its bot, its size in bytes, the queues that do not have
it (record, dispatch) and RabbitMQ's reason.`, (*spoolRun).list)
			drop := spoolSubcommand("drop", "Deletes events that are kept aside", `
Deletes events that were accepted, for good. Give --id, --bot or --all.`, (*spoolRun).drop)
			group(cmd, list, drop)
		},
	}
}

// spoolRun is one run of a subcommand.
type spoolRun struct {
	file, data string
	filter     spool.AsideFilter
	all        bool
}

// spoolWork is what a subcommand does with what is kept aside.
type spoolWork func(*spoolRun, context.Context, io.Writer, *spool.Aside) error

func spoolSubcommand(name, short, long string, work spoolWork) *cobra.Command {
	var r spoolRun
	cmd := &cobra.Command{Use: name, Short: short, Long: long, Args: cobra.NoArgs, SilenceUsage: true}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return r.run(cmd.OutOrStdout(), work) }
	flags := cmd.Flags()
	flags.StringVar(&r.data, "data", envOr(envData, "data"), "Folder of the spool ("+envData+")")
	flags.StringVar(&r.file, "file", os.Getenv(envSpool),
		"The spool's file (default: spool.db in the data folder, "+envSpool+")")
	flags.StringVar(&r.filter.ID, "id", "", "Only the event with this id")
	flags.StringVar(&r.filter.Bot, "bot", "", "Only events of this bot")
	if name == "drop" {
		flags.BoolVar(&r.all, "all", false, "All events that are kept aside")
	}
	return cmd
}

func (r *spoolRun) run(out io.Writer, work spoolWork) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), spoolTimeout)
	defer cancel()
	aside, err := spool.OpenAside(ctx, cmp.Or(r.file, filepath.Join(r.data, "spool.db")))
	if err != nil {
		return fmt.Errorf("option --file: %w", err)
	}
	defer func() { err = errors.Join(err, aside.Close()) }()
	return work(r, ctx, out, aside)
}

func (r *spoolRun) list(ctx context.Context, out io.Writer, aside *spool.Aside) error {
	list, err := aside.List(ctx, r.filter)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, e := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%v\t%s\n",
			e.At.UTC().Format(time.RFC3339), e.Event.ID, e.Event.Bot, e.Size, e.Groups, e.Reason)
	}
	return table.Flush()
}

func (r *spoolRun) drop(ctx context.Context, out io.Writer, aside *spool.Aside) error {
	if chosen := r.filter.ID != "" || r.filter.Bot != ""; chosen == r.all {
		return errors.New("give --id or --bot, or --all")
	}
	n, err := aside.Drop(ctx, r.filter)
	if err == nil {
		fmt.Fprintf(out, "Dropped: %d\n", n)
	}
	return err
}
