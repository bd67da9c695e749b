package cli

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/sqlitefile"
)

// TestBackupOfShards copies two shards that are files, beside one on a server, and restores them elsewhere.
func TestBackupOfShards(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	shardsIn := func(dir string) {
		file := fmt.Sprintf(`{"shards":{"a":{"url":"sqlite:%[1]s/a.db"},"b":{"url":"sqlite:%[1]s/of-b.db"},"c":{"url":"postgres://host/c"}},
			"buckets":[{"from":0,"to":99,"shard":"a"},{"from":100,"to":199,"shard":"b"},{"from":200,"to":1023,"shard":"c"}]}`, dir)
		path := filepath.Join(dir, "shards.json")
		require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
		t.Setenv(envShardsFile, path)
	}
	user := func(path string) (name string) {
		db, err := sqlitefile.Open(path, 1, url.Values{})
		require.NoError(t, err)
		defer db.Close()
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT name FROM users").Scan(&name))
		return name
	}
	for file, name := range map[string]string{"a.db": "alice", "of-b.db": "bob"} {
		db, err := sqlitefile.Open(filepath.Join(from, file), 1, url.Values{})
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), "CREATE TABLE users (name); INSERT INTO users VALUES (?)", name)
		require.NoError(t, err)
		require.NoError(t, db.Close())
	}
	in := func(dir string) caddycmd.Flags {
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		flags.String("data", dir, "")
		flags.Bool("secrets", false, "")
		return caddycmd.Flags{FlagSet: flags}
	}
	var out bytes.Buffer
	folder := filepath.Join(t.TempDir(), "backup")
	shardsIn(from)
	require.NoError(t, takeBackup(t.Context(), &out, folder, in(from)))
	require.Contains(t, out.String(), "shard-a.db: ")
	require.Contains(t, out.String(), "shard-b.db: ")
	require.NotContains(t, out.String(), "shard-c.db")

	t.Setenv(envShardsFile, "")
	require.ErrorContains(t, restoreBackup(t.Context(), &out, folder, in(to)), "shard-a.db")
	shardsIn(to)
	require.NoError(t, restoreBackup(t.Context(), &out, folder, in(to)))
	require.Equal(t, "alice", user(filepath.Join(to, "a.db")))
	require.Equal(t, "bob", user(filepath.Join(to, "of-b.db")))
	require.ErrorContains(t, restoreBackup(t.Context(), &out, folder, in(to)), "is there already")

	t.Setenv(envShardsFile, filepath.Join(to, "nowhere.json"))
	require.ErrorContains(t, takeBackup(t.Context(), &out, folder+"-2", in(to)), "BOTGATE_SHARDS_FILE: ")
}
