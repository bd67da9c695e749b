package cli

import (
	"bytes"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/botcache"
)

func TestPurgeCommand(t *testing.T) {
	address := admin(t, botcache.Admin{})
	run := func(args ...string) (string, error) {
		c, out := purgeCommand(), new(bytes.Buffer)
		cmd := &cobra.Command{SilenceErrors: true}
		c.CobraFunc(cmd)
		cmd.SetOut(out)
		cmd.SetArgs(args)
		err := cmd.Execute()
		return out.String(), err
	}
	out, err := run("/*", "--address", address)
	require.NoError(t, err)
	require.Equal(t, "Purged: 0\n", out)
	_, err = run("status", "--address", address)
	require.ErrorContains(t, err, `begins with "/"`)
	_, err = run("/status", "--address", "127.0.0.1:1")
	require.ErrorContains(t, err, "asking the gateway")
}
