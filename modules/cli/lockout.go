package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// lockoutEntry is one lockout in the gateway's answers.
type lockoutEntry struct {
	Kind, Who string
	Until     time.Time
}

func lockoutCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "lockout", Usage: "list|lift", Short: "Lists and lifts lockouts",
		Long: `
Asks the running gateway whom the option "lockout" refuses at present. What one gateway locks or lifts, all
that share its Redis follow within a second.`,
		CobraFunc: func(cmd *cobra.Command) {
			group(cmd,
				lockoutSubcommand("list", cobra.NoArgs, "Prints a line for each lockout", `
Prints until when each lockout lasts, the kind of failures that led to it (jwt, signature, token-client,
token-address), and who is locked out: an address, the network of an IPv6 address, or an address with the
client that was asked for from there.`, listLockouts),
				lockoutSubcommand("lift", cobra.MaximumNArgs(1), "Lets somebody in again", `
Ends the lockouts of an address, a network or a client, as "botgate lockout list" names them. Failures count
anew from then on. It fails where nobody of that name is locked out.`, liftLockouts),
			)
		},
	}
}

func lockoutSubcommand(use string, args cobra.PositionalArgs, short, long string, work func(*cobra.Command, []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: args, SilenceUsage: true, RunE: work}
	if use == "lift" {
		cmd.Use = "lift (<who> | --all)"
		cmd.Flags().Bool("all", false, "All lockouts")
	}
	addressFlag(cmd.Flags())
	return cmd
}

func listLockouts(cmd *cobra.Command, _ []string) error {
	var answer struct{ Lockouts []lockoutEntry }
	if err := askGateway(addressOf(cmd), http.MethodGet, "/botgate/lockouts", nil, &answer); err != nil {
		return err
	}
	if len(answer.Lockouts) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "Nobody is locked out.")
	}
	return printLockouts(cmd.OutOrStdout(), answer.Lockouts)
}

func liftLockouts(cmd *cobra.Command, args []string) error {
	asked := map[string]any{}
	switch all, _ := cmd.Flags().GetBool("all"); {
	case all == (len(args) == 1):
		return errors.New("name an address, a network or a client, or give --all")
	case all:
		asked["all"] = true
	default:
		asked["who"] = args[0]
	}
	var answer struct{ Lifted []lockoutEntry }
	if err := askGateway(addressOf(cmd), http.MethodPost, "/botgate/lockouts/lift", asked, &answer); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Lifted: %d\n", len(answer.Lifted))
	return printLockouts(cmd.OutOrStdout(), answer.Lifted)
}

func addressOf(cmd *cobra.Command) string {
	address, _ := cmd.Flags().GetString("address") // Added by addressFlag.
	return address
}

func printLockouts(out io.Writer, list []lockoutEntry) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, l := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\n", l.Until.UTC().Format(time.RFC3339), l.Kind, l.Who)
	}
	return table.Flush()
}
