package shard_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/shard"
	"github.com/botgate/botgate/backend/store/sharded"
)

func TestParse(t *testing.T) {
	t.Parallel()
	c, err := shard.Parse([]string{"move", "--buckets", "1-2", "--to=b", "--shards-file", "x.json"})
	require.NoError(t, err)
	require.Equal(t, "x.json", c.File)
	_, err = shard.Parse([]string{"--help"})
	require.ErrorIs(t, err, flag.ErrHelp)
	for want, args := range map[string][]string{
		"the commands are list and move": {},
		"list takes no buckets":          {"list", "--to", "b"},
		"move needs --to":                {"move", "--buckets", "1"},
		"--buckets: \"\" is no range":    {"move", "--to", "b"},
		"--buckets: \"2-1\" is no range": {"move", "--to", "b", "--buckets", "2-1"},
		"--group must be positive":       {"move", "--to", "b", "--buckets", "1", "--group", "0"},
		"unexpected argument \"x\"":      {"list", "x"},
		"-nope":                          {"list", "-nope"},
	} {
		_, err := shard.Parse(args)
		require.ErrorIs(t, err, shard.ErrUsage)
		require.ErrorContains(t, err, want)
	}
}

// store answers as the test wants.
type store struct {
	ranges []sharded.Range
	err    error
	moved  sharded.Move
}

func (s *store) Ranges(context.Context) ([]sharded.Range, error) { return s.ranges, s.err }

func (s *store) Move(_ context.Context, m sharded.Move) error {
	s.moved = m
	for n := range 3 {
		m.Progress(sharded.Progress{Step: "copy", Buckets: m.Buckets, From: "a", To: m.To, Entries: int64(n) * 100})
	}
	return s.err
}

func run(t *testing.T, s *store, args ...string) (out, progress string, err error) {
	t.Helper()
	c, err := shard.Parse(args)
	require.NoError(t, err)
	var o, p bytes.Buffer
	err = c.Run(t.Context(), s, &o, &p)
	return o.String(), p.String(), err
}

func TestList(t *testing.T) {
	t.Parallel()
	away := errors.New("shard c: away")
	out, _, err := run(t, &store{err: away, ranges: []sharded.Range{
		{From: 0, To: 99, Configured: "a", Shard: "a", Known: true},
		{From: 100, To: 511, Configured: "a", Shard: "b", Known: true},
		{From: 512, To: 512, Configured: "a", Shard: "b", Known: true, Between: []string{"a", "b"}},
		{From: 513, To: 1023, Configured: "a", Shard: "z"},
	}}, "list")
	require.ErrorIs(t, err, away)
	require.Equal(t, `BUCKETS   SHARD  IN THE FILE  NOTE
0-99      a      a            
100-511   b      a            moved
512-512   b      a            between a and b: call shard move again
513-1023  z      a            the shards file does not name it
`, out)
}

func TestMove(t *testing.T) {
	t.Parallel()
	s := &store{}
	out, progress, err := run(t, s, "move", "--buckets", "5,1-2", "--to", "b")
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 5}, s.moved.Buckets)
	require.Equal(t, "b", s.moved.To)
	require.Equal(t, sharded.DefaultGroup, s.moved.Group)
	require.Contains(t, out, "buckets 1-2,5 are in b")
	require.Equal(t, "copy buckets 1-2,5 from a to b\n", progress, "a step is told once in a while")

	s.err = errors.New("killed")
	_, _, err = run(t, s, "move", "--buckets", "5", "--to", "b")
	require.ErrorContains(t, err, "call it again")
}
