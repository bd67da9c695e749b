package integration

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// checkedCaddyfile is a gateway that only checks, by schemas in a folder.
const checkedCaddyfile = `{
	admin {$BOTGATE_ADMIN}
}
:{$BOTGATE_HTTP_PORT} {
	bot_schema {header.X-Kind}.json {
		folder {$SCHEMAS}
	}
	respond 202
}
`

// startChecked starts a gateway that only checks and returns its address and its folder.
func startChecked(t *testing.T) (base, folder string) {
	t.Helper()
	dir, folder := t.TempDir(), t.TempDir()
	writeSchema(t, folder, "greeting", "string")
	path := filepath.Join(dir, "Caddyfile")
	require.NoError(t, os.WriteFile(path, []byte(checkedCaddyfile), 0o600))
	ports := testsvc.FreeAddresses(t, 2)
	_, port, err := net.SplitHostPort(ports[0])
	require.NoError(t, err)
	gateway := start(t, dir, []string{"BOTGATE_HTTP_PORT=" + port, "BOTGATE_ADMIN=" + ports[1], "SCHEMAS=" + folder},
		gatewayBinary, "run", "--config", path)
	base = "http://" + ports[0]
	eventually(t, func() error {
		if !gateway.running() {
			t.Fatalf("the gateway ended:\n%s", gateway.output.String())
		}
		_, err := check(base, "greeting", `{"value": "x"}`)
		return err
	})
	return base, folder
}

func writeSchema(t *testing.T, folder, name, valueType string) {
	t.Helper()
	// Renamed into place, as editors and deployments do.
	path := filepath.Join(folder, name+".json")
	content := fmt.Sprintf(`{"properties": {"value": {"type": %q}}, "required": ["value"]}`, valueType)
	require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func check(base, kind, body string) (answer, error) {
	header := http.Header{"Content-Type": {"application/json"}, "X-Kind": {kind}}
	return send(http.MethodPost, base+"/", header, []byte(body))
}

// TestSchemasChangeUnderLoad changes a schema, adds one and breaks one while requests come
// from many connections: each gets the answer of the old or of the new schema.
func TestSchemasChangeUnderLoad(t *testing.T) {
	t.Parallel()
	base, folder := startChecked(t)
	stop, results := make(chan struct{}), make(chan error, 16)
	for range cap(results) {
		go func() { results <- keepChecking(base, stop) }()
	}
	becomes := func(kind, body string, status int) {
		t.Helper()
		eventually(t, func() error {
			a, err := check(base, kind, body)
			if err == nil && a.status != status {
				err = fmt.Errorf("%s %s is answered %d", kind, body, a.status)
			}
			return err
		})
	}
	becomes("greeting", `{"value": 1}`, http.StatusUnprocessableEntity)
	writeSchema(t, folder, "greeting", "integer")
	becomes("greeting", `{"value": 1}`, http.StatusAccepted)
	becomes("greeting", `{"value": "x"}`, http.StatusUnprocessableEntity)
	becomes("farewell", `{"value": true}`, http.StatusUnprocessableEntity)
	writeSchema(t, folder, "farewell", "boolean")
	becomes("farewell", `{"value": true}`, http.StatusAccepted)
	writeSchema(t, folder, "farewell", "no such type")
	writeSchema(t, folder, "greeting", "string")
	for range 50 {
		a, err := check(base, "farewell", `{"value": true}`)
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, a.status, "the last good schemas stay in use")
	}
	close(stop)
	for range cap(results) {
		require.NoError(t, <-results)
	}
}

func keepChecking(base string, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		a, err := check(base, "greeting", `{"value": "x"}`)
		if err != nil {
			return err
		}
		if a.status != http.StatusAccepted && a.status != http.StatusUnprocessableEntity {
			return fmt.Errorf("answered %d: %s", a.status, a.body)
		}
	}
}

// TestCompressedCommand sends a command with Content-Encoding; the bot gets plain JSON.
func TestCompressedCommand(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, err := w.Write(hello)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	header := bearer(s.token("alice"))
	header.Set("Content-Encoding", "gzip")
	a, err := send(http.MethodPost, s.base+"/v1/bots/demo/commands", header, compressed.Bytes())
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	eventually(t, func() error {
		if s.bot.distinct() == 0 {
			return fmt.Errorf("the bot got nothing")
		}
		return nil
	})
	require.Equal(t, string(hello), string(s.bot.all()[0].body))
}
