package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/internal/reload"
	"github.com/botgate/botgate/internal/testlog"
)

// TestShardsFileIsFollowed adds a shard, which needs a restart, and breaks the file.
func TestShardsFileIsFollowed(t *testing.T) {
	t.Parallel()
	s := settings(t, "http://127.0.0.1:1/")
	dir := filepath.Dir(s.BotsFile)
	s.Data.ShardsFile = filepath.Join(dir, "shards.json")
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
		require.NoError(t, os.Rename(path+".new", path))
	}
	shards := func(more string, edge int) {
		t.Helper()
		write("shards.json", fmt.Sprintf(`{"shards":{"a":{"url":"sqlite:%[1]s/a.db"},"b":{"url_file":"b.url"}%[2]s},
			"buckets":[{"from":0,"to":%[3]d,"shard":"a"},{"from":%[4]d,"to":1023,"shard":"b"}]}`, dir, more, edge, edge+1))
	}
	write("b.url", "sqlite:"+dir+"/b.db")
	shards("", 511)
	var logs testlog.Buffer
	a := start(t, app.Config{Settings: s, Logger: logs.Logger()})
	// look has all files of the process looked at, of which those of other tests are not asked for.
	look := func() (found reload.Report) {
		t.Helper()
		for _, r := range reload.All() {
			if r.What == "shards file" && r.Files[0] == s.Data.ShardsFile {
				found = r
			}
		}
		require.NotEmpty(t, found.What)
		return found
	}
	const restart = "restart the backend processes to use it"
	require.Contains(t, look().Files, filepath.Join(dir, "b.url"))

	shards(`,"c":{"url":"postgres://u:hunter2@c.example/db"}`, 511)
	require.Equal(t, restart+": added c", look().Changes)
	shards(`,"c":{"url":"postgres://u:hunter2@c.example/db"} `, 511)
	require.Equal(t, restart+": added c", look().Changes, "also where only its form changed")
	require.Equal(t, 1, strings.Count(logs.String(), "shards file changed: "+restart), "it is told once")
	require.Zero(t, countOf(t, a, `botgate_files_refused{what="shards file"}`))

	shards("", 99)
	require.Contains(t, look().Error, "buckets: 100-511 are at a, not at b")
	require.Contains(t, logs.String(), "100-511 are at a, not at b")
	require.InDelta(t, 1, countOf(t, a, `botgate_files_refused{what="shards file"}`), 0)
	write("shards.json", "{")
	require.Contains(t, look().Error, "unexpected EOF")

	shards("", 511)
	r := look()
	require.Empty(t, r.Error)
	require.Equal(t, "as at the start", r.Changes)
	require.Zero(t, countOf(t, a, `botgate_files_refused{what="shards file"}`))
	write("b.url", "postgres://u:hunter2@b.example/db")
	require.Equal(t, restart+": changed b (url)", look().Changes)
	require.NotContains(t, logs.String(), "hunter2")
}
