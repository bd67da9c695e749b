package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func purgeCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "purge", Usage: "<path>", Short: "Forgets the answers that bot_cache keeps of a path",
		Long: `
Has the running gateway forget what its bot_cache handlers keep of a path, whomever it is for and whatever the
query is. A path that ends with "*" stands for all that begin so. Each gateway keeps its own answers: run it for
each of several.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Use, cmd.Args, cmd.SilenceUsage = "purge <path>", cobra.ExactArgs(1), true
			cmd.Flags().String("host", "", "Only answers that were asked for by this host, with its port if it had one")
			addressFlag(cmd.Flags())
			cmd.RunE = purge
		},
	}
}

func purge(cmd *cobra.Command, args []string) error {
	if !strings.HasPrefix(args[0], "/") {
		return errors.New(`a path begins with "/"; "/*" stands for all`)
	}
	host, _ := cmd.Flags().GetString("host")
	var answer struct{ Purged int }
	asked := map[string]string{"path": args[0], "host": host}
	if err := askGateway(addressOf(cmd), http.MethodPost, "/botgate/cache/purge", asked, &answer); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Purged: %d\n", answer.Purged)
	return nil
}
