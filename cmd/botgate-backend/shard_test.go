package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store/rebalance"
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
	require.Contains(t, stdout.String(), "move        Moves buckets")

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

// fakeBuckets answer as the test wants.
type fakeBuckets struct {
	ranges []rebalance.Range
	err    error
	moved  rebalance.Move
}

func (s *fakeBuckets) Ranges(context.Context) ([]rebalance.Range, error) { return s.ranges, s.err }

func (s *fakeBuckets) Move(_ context.Context, m rebalance.Move) error {
	s.moved = m
	for n := range 3 {
		m.Progress(rebalance.Progress{Step: "copy", Buckets: m.Buckets, From: "a", To: m.To, Entries: int64(n) * 100})
	}
	return s.err
}

func TestListBuckets(t *testing.T) {
	t.Parallel()
	down := errors.New("shard c: down")
	var out bytes.Buffer
	err := listBuckets(t.Context(), &fakeBuckets{err: down, ranges: []rebalance.Range{
		{From: 0, To: 99, Configured: "a", Shard: "a", Known: true},
		{From: 100, To: 511, Configured: "a", Shard: "b", Known: true},
		{From: 512, To: 512, Configured: "a", Shard: "b", Known: true, Between: []string{"a", "b"}},
		{From: 513, To: 1023, Configured: "a", Shard: "z"},
	}}, &out)
	require.ErrorIs(t, err, down)
	require.Equal(t, `BUCKETS   SHARD  IN THE FILE  NOTE
0-99      a      a            
100-511   b      a            moved
512-512   b      a            between a and b: call shard move again
513-1023  z      a            the shards file does not name it
`, out.String())
}

func TestMoveBuckets(t *testing.T) {
	t.Parallel()
	s := &fakeBuckets{}
	var out, progress bytes.Buffer
	move := rebalance.Move{Buckets: []int{1, 2, 5}, To: "b"}
	require.NoError(t, moveBuckets(t.Context(), s, move, &out, &progress))
	require.Equal(t, []int{1, 2, 5}, s.moved.Buckets)
	require.Equal(t, "b", s.moved.To)
	require.Contains(t, out.String(), "buckets 1-2,5 are in b")
	require.Equal(t, "copy buckets 1-2,5 from a to b\n", progress.String(), "a step is reported once in a while")

	s.err = errors.New("killed")
	require.ErrorContains(t, moveBuckets(t.Context(), s, move, &out, &progress), "call it again")
}

func TestShardArguments(t *testing.T) {
	t.Parallel()
	for want, args := range map[string]string{
		"the commands are list, move":    "",
		"unknown flag: --to":             "list --to b",
		"move needs --to":                "move --buckets 1",
		"--buckets: \"\" is no range":    "move --to b",
		"--buckets: \"2-1\" is no range": "move --to b --buckets 2-1",
		"--group must be positive":       "move --to b --buckets 1 --group 0",
		"unexpected argument \"x\"":      "list x",
	} {
		_, stderr, code := execute(t, append([]string{"shard"}, strings.Fields(args)...), "BOTGATE_SHARDS_FILE=absent.json")
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, stderr, want)
		require.Contains(t, stderr, "; see botgate-backend shard")
	}
}
