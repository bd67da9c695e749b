package cli

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/botgate/botgate/internal/healthcheck"
)

func healthCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "health", Usage: "[--url <url>]", Short: "Asks the running gateway whether it is ready",
		Long: `
Asks the running gateway whether it is ready, and prints its answer. The exit code is 1 where
that is not 200 or takes longer than 3 seconds. It is the health check of containers, which
have no shell. Any probe can be asked: /healthz is alive, /readyz/self is not about to stop,
/readyz is able to accept.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.SilenceUsage = true
			cmd.Args = cobra.NoArgs
			url := cmd.Flags().String("url", healthURL(), "The probe to ask; the port is that of the shipped Caddyfile ("+
				envHTTPPort+", or "+envMetricsPort+" where "+envMetricsBind+" is set)")
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				answer, err := healthcheck.Get(cmd.Context(), *url)
				if err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), answer)
				return nil
			}
		},
	}
}

// healthURL is the probe of the shipped Caddyfile that is nearest: what is on all addresses is on this one.
func healthURL() string {
	host, port := "127.0.0.1", envOr(envHTTPPort, "8080")
	if bind := strings.Fields(os.Getenv(envMetricsBind)); len(bind) > 0 {
		port = envOr(envMetricsPort, "9180")
		if address, err := netip.ParseAddr(strings.Trim(bind[0], "[]")); err == nil && !address.IsUnspecified() {
			host = address.String()
		}
	}
	return "http://" + net.JoinHostPort(host, port) + "/readyz/self"
}
