package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConfigureChangesTheShippedCaddyfile(t *testing.T) {
	t.Parallel()
	shipped, err := os.ReadFile(filepath.Join(repository, "Caddyfile"))
	require.NoError(t, err)
	config, err := configure(string(shipped), "/schemas/order.json")
	require.NoError(t, err)
	require.Contains(t, config, "bot_schema order.json {\n\t\t\t\tfolder /schemas/\n\t\t\t}\n\t\t\tbot_enqueue {")
	require.NotContains(t, config, "bot_schema command.v1.json\n\t\t\tbot_enqueue")
	_, err = configure(":8080 {\n}\n", "/schemas/order.json")
	require.ErrorContains(t, err, "the shipped Caddyfile")
}

func TestGivenProgramsAreFoundFromAnywhere(t *testing.T) {
	t.Parallel()
	path, err := given("/bin/sh")
	require.NoError(t, err)
	require.Equal(t, "/bin/sh", path)
	path, err = given("")
	require.NoError(t, err)
	require.Empty(t, path)
	for _, wrong := range []string{"bin/sh", "/nowhere/sh"} {
		_, err := given(wrong)
		require.ErrorContains(t, err, wrong)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-rounds", "1", "-seconds", "3", "-only", "plain,botgate", "-connections", "16", "-write"})
	require.NoError(t, err)
	require.True(t, o.write)
	o.write = false
	require.Equal(t, options{
		rounds: 1, tries: 2, connections: []int{16}, seconds: 3 * time.Second, warm: 3 * time.Second,
		wait: 20 * time.Second, longest: 12 * time.Minute, only: []string{"plain", "botgate"},
		flags: []string{"-rounds", "1", "-seconds", "3", "-only", "plain,botgate", "-connections", "16"},
	}, o)
	for _, wrong := range [][]string{{"-rounds", "0"}, {"-connections", "64,"}, {"-seconds", "0"}, {"more"}} {
		_, err := parse(wrong)
		require.Error(t, err, wrong)
	}
}

func TestOnlyNamesPeersThatThereAre(t *testing.T) {
	t.Parallel()
	b := &bench{options: options{only: []string{"plain", "botgate"}}, began: time.Now()}
	chosen, err := b.chosen()
	require.NoError(t, err)
	require.Len(t, chosen, 2)
	b.options.only = []string{"plain", "nobody"}
	_, err = b.chosen()
	require.ErrorContains(t, err, "nobody")
}
