package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShard(t *testing.T) {
	t.Parallel()
	file := `{"shards": {"a": {"url": "sqlite:data/a.db"}, "b": {"url": "sqlite:data/b.db"}},
		"buckets": [{"from": 0, "to": 511, "shard": "a"}, {"from": 512, "to": 1023, "shard": "b"}]}`
	path := filepath.Join(t.TempDir(), "shards.json")
	require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	cmd, stdout, stderr := command(t, []string{"shard", "list", "--shards-file", path}, "BOTGATE_ROLES=none")
	require.NoError(t, cmd.Run(), stderr.String())
	require.Regexp(t, `0-511 +a +a`, stdout.String())

	cmd, stdout, _ = command(t, []string{"shard", "--help"})
	require.NoError(t, cmd.Run())
	require.Contains(t, stdout.String(), "shard move")

	for want, c := range map[string]struct {
		args []string
		env  string
	}{
		"BOTGATE_SHARDS_FILE: without":    {[]string{"shard", "list"}, ""},
		"nowhere.json":                    {[]string{"shard", "list"}, "BOTGATE_SHARDS_FILE=nowhere.json"},
		"see botgate-backend shard":       {[]string{"shard", "copy"}, ""},
		"--buckets: \"x\" is no range of": {[]string{"shard", "move", "--to", "b", "--buckets", "x"}, "BOTGATE_SHARDS_FILE=" + path},
	} {
		cmd, _, stderr := command(t, c.args, c.env)
		require.Error(t, cmd.Run())
		require.Equal(t, exitUsage, cmd.ProcessState.ExitCode(), stderr.String())
		require.Contains(t, stderr.String(), want)
	}
	cmd, _, stderr = command(t, []string{"shard", "move", "--to", "z", "--buckets", "1"}, "BOTGATE_SHARDS_FILE="+path)
	require.Error(t, cmd.Run())
	require.Equal(t, exitError, cmd.ProcessState.ExitCode())
	require.Contains(t, stderr.String(), `there is no shard "z"`)
}
