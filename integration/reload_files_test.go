package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReloadReadsWhatIsEdited edits what the Caddyfile imports and names, and never the Caddyfile.
func TestReloadReadsWhatIsEdited(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(s.dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
		require.NoError(t, os.Rename(path+".new", path))
	}
	shards := func(more string) {
		t.Helper()
		write("data/shards.json", `{"shards": {"a": {"url": "sqlite:data/a.db"}`+more+`},
			"buckets": [{"from": 0, "to": 1023, "shard": "a"}]}`)
	}
	snippet := func(value string) { write("snippets/extra.caddyfile", "header X-Snippet "+value+"\n") }
	snippet("one")
	write("schemas/hook.json", `{"type": "object"}`)
	shards("")
	s.env = append(s.env, "BOTGATE_SHARDS_FILE=data/shards.json")
	s.config = s.caddyfileWith(t,
		site, "\timport snippets/*.caddyfile\n\n"+site,
		"bot_schema standard-webhooks.json", "bot_schema hook.json {\n\t\t\tfolder schemas\n\t\t}")
	s.startGateway()
	reload := func(want ...string) (code int) {
		t.Helper()
		stdout, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "reload", "--config", s.config, "--address", s.admin)
		for _, line := range want {
			require.Regexp(t, line, stdout, stderr)
		}
		return code
	}
	shown := func(value string) {
		t.Helper()
		eventually(t, func() error {
			a, err := send(http.MethodGet, s.base+"/healthz", nil, nil)
			if err == nil && a.header.Get("X-Snippet") != value {
				err = fmt.Errorf("the snippet says %q", a.header.Get("X-Snippet"))
			}
			return err
		})
	}
	shown("one")
	require.Zero(t, reload("configuration: unchanged\n"))
	snippet("two")
	require.Zero(t, reload("configuration: changed\n"))
	shown("two")

	// They may have been read by then: every 2 seconds somebody looks, as do handlers that are about to end.
	write("schemas/hook.json", `{"type": "object", "required": ["type"]}`)
	write("data/github.secret", strings.Repeat("n", 32))
	shards(`, "b": {"url": "sqlite:data/b.db"}`)
	require.Zero(t, reload("configuration: unchanged\n", "schemas: (unchanged.*then: )?read again",
		"secrets of bot_signature: (unchanged.*then: )?read again", "shards file: .*restart the backend processes to use it: added b"))
	shards(`,`)
	write("schemas/hook.json", `{`)
	write("snippets/extra.caddyfile", "no_such_directive\n")
	require.NotZero(t, reload("configuration: REFUSED", "schemas: REFUSED", "shards file: REFUSED"))
	shown("two")
}
