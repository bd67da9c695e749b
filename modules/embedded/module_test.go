package embedded_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
	_ "github.com/botgate/botgate/modules/botgate"
	"github.com/botgate/botgate/modules/embedded"
)

// backend provisions a backend beside a botgate app, as Caddy does.
func backend(t *testing.T, options map[string]embedded.Value) (*embedded.Backend, error) {
	t.Helper()
	b := &embedded.Backend{Options: options}
	app, err := json.Marshal(map[string]string{"queue": "sqlite:" + filepath.Join(t.TempDir(), "queue.db")})
	require.NoError(t, err)
	ctx, err := caddy.ProvisionContext(&caddy.Config{
		Admin:   &caddy.AdminConfig{Disabled: true},
		AppsRaw: caddy.ModuleMap{"botgate": app},
	})
	require.NoError(t, err)
	loaded, err := ctx.App("botgate")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, loaded.(caddy.CleanerUpper).Cleanup()) })
	if err := b.Provision(ctx); err != nil {
		return b, err
	}
	return b, b.Validate()
}

func TestBackendServesWhileStarted(t *testing.T) {
	listen := testsvc.FreeAddresses(t, 1)[0]
	b, err := backend(t, map[string]embedded.Value{
		"roles": "record api", "listen": embedded.Value(listen), "database": database(t),
	})
	require.NoError(t, err)
	require.NoError(t, b.Start())
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		response, err := http.Get("http://" + listen + "/readyz")
		require.NoError(c, err)
		defer response.Body.Close()
		require.Equal(c, http.StatusOK, response.StatusCode)
	}, time.Minute, 20*time.Millisecond)
	require.NoError(t, b.Cleanup())
	_, err = net.Dial("tcp", listen)
	require.Error(t, err)
	require.NoError(t, b.Cleanup(), "stopping twice is fine")
}

func TestNoneRunsNothing(t *testing.T) {
	listen := testsvc.FreeAddresses(t, 1)[0]
	b, err := backend(t, map[string]embedded.Value{"roles": "none", "listen": embedded.Value(listen)})
	require.NoError(t, err)
	require.NoError(t, b.Start())
	_, err = net.Dial("tcp", listen)
	require.Error(t, err)
	require.NoError(t, b.Cleanup())
}

func TestTakenAddressNamesTheOption(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })
	b, err := backend(t, map[string]embedded.Value{
		"roles": "api", "listen": embedded.Value(taken.Addr().String()), "database": database(t),
	})
	require.NoError(t, err)
	require.ErrorContains(t, b.Start(), "option listen")
}

func TestValidateRefuses(t *testing.T) {
	for name, b := range map[string]map[string]embedded.Value{
		"role":      {"roles": "cook"},
		"database":  {"roles": "api", "database": "mysql://x"},
		"listen":    {"roles": "api", "listen": "nowhere"},
		"udp":       {"roles": "api", "listen": "udp/127.0.0.1:9"},
		"retention": {"roles": "api", "retention": "1h"},
		"option":    {"roles": "api", "queue": "sqlite:x.db"},
		"bots file": {"roles": "dispatch"},
		"unset":     {"roles": "api", "listen": "{env.BOTGATE_TEST_UNSET}"},
		"left":      {"roles": "api", "database": "sqlite:$DATA/events.db"},
		"hosts":     {"roles": "api", "api_hosts": "{secrets.hosts}"},
		"blank":     {"roles": "api", "listen": " "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := backend(t, b)
			require.Error(t, err)
			require.NotContains(t, fmt.Sprint(err), "panic")
		})
	}
}

func database(t *testing.T) embedded.Value {
	return embedded.Value("sqlite:" + filepath.Join(t.TempDir(), "events.db"))
}

func TestOptionsInJSON(t *testing.T) {
	t.Parallel()
	var b embedded.Backend
	require.NoError(t, json.Unmarshal([]byte(`{"roles": ["record", "api"], "database_pool": 20, "migrate": false, "retention": "90d"}`), &b))
	require.Equal(t, map[string]embedded.Value{"roles": "record api", "database_pool": "20", "migrate": "off", "retention": "90d"}, b.Options)
	raw, err := json.Marshal(&b)
	require.NoError(t, err)
	require.JSONEq(t, `{"roles": "record api", "database_pool": "20", "migrate": "off", "retention": "90d"}`, string(raw))
	require.Error(t, json.Unmarshal([]byte(`{"roles": {}}`), &b))
}
