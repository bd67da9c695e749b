package cli

import (
	"testing"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/internal/testdocs"
)

// TestDocs keeps the page of the commands that Botgate adds to Caddy's.
func TestDocs(t *testing.T) {
	for _, name := range []string{envAdmin, envData, envSpool, envHTTPPort, envMetricsBind, envMetricsPort} {
		t.Setenv(name, "")
	}
	root := &cobra.Command{Use: "botgate", Short: "Is Caddy with the modules of Botgate", Long: longDescription}
	for _, c := range commands() {
		cmd := &cobra.Command{Use: c.Name + " " + c.Usage, Short: c.Short, Long: c.Long}
		c.CobraFunc(cmd)
		root.AddCommand(cmd)
	}
	testdocs.Compare(t, "../../docs/reference/commands/botgate.md", testdocs.Commands(t, root))
}
