// Package cli adds Botgate's own subcommands to the gateway's binary: making secrets,
// tokens and signatures, and a first run with everything in one process.
package cli

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/botgate/botgate/internal/version"
)

const longDescription = `Botgate stands in front of bots: it checks who is calling, how often and with what,
hands accepted events to a durable queue within milliseconds, and delivers them to
the bots in order and with retries. It is Caddy with the bot_* modules; every Caddy
command works.`

func init() {
	caddy.CustomBinaryName = "botgate"
	caddy.CustomLongDescription = longDescription
	// Caddy's own version follows.
	caddy.CustomVersion = version.Text("botgate") + ", Caddy"
	for _, cmd := range commands() {
		// Only in the binary: it is for all commands of a process.
		if fill := cmd.CobraFunc; cmd.Name == "bot" {
			cmd.CobraFunc = func(bot *cobra.Command) {
				extendReload(bot)
				fill(bot)
			}
		}
		caddycmd.RegisterCommand(cmd)
	}
}

func commands() []caddycmd.Command {
	return []caddycmd.Command{
		initCommand(), tokenCommand(), consoleLinkCommand(), signCommand(), revokeCommand(), lockoutCommand(), hashSecretCommand(), schemaCommand(),
		purgeCommand(), botCommand(), spoolCommand(), healthCommand(), smokeCommand(), backupCommand(), restoreCommand(),
		exampleBotCommand(), listenCommand(), quickstartCommand(),
	}
}

// Variables that the shipped Caddyfile reads too.
const (
	envData        = "BOTGATE_DATA"
	envHTTPPort    = "BOTGATE_HTTP_PORT"
	envMetricsBind = "BOTGATE_METRICS_BIND"
	envMetricsPort = "BOTGATE_METRICS_PORT"
	envLogLevel    = "BOTGATE_LOG_LEVEL"
	envAdmin       = "BOTGATE_ADMIN"
	envConsole     = "BOTGATE_CONSOLE"
)

// command makes a subcommand whose errors are printed as one plain line.
func command(name, usage, short, long string, addFlags func(*pflag.FlagSet), run func(caddycmd.Flags) error) caddycmd.Command {
	return caddycmd.Command{
		Name: name, Usage: usage, Short: short, Long: long,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.SilenceUsage = true
			cmd.Flags().String("data", envOr(envData, "data"), "Folder with the secrets that botgate init makes ("+envData+")")
			if addFlags != nil {
				addFlags(cmd.Flags())
			}
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				return run(caddycmd.Flags{FlagSet: cmd.Flags()})
			}
		},
	}
}

// group puts commands below one that does nothing by itself: alone it says which there are, and another word is an
// error, which scripts notice.
func group(parent *cobra.Command, below ...*cobra.Command) {
	parent.AddCommand(below...)
	parent.SilenceUsage, parent.DisableFlagsInUseLine = true, true
	parent.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return fmt.Errorf("unknown command %q for %q; --help lists those that there are", args[0], cmd.CommandPath())
	}
}
