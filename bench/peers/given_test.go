package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/bench/peers/services"
	"github.com/botgate/botgate/bench/peers/workload"
)

func TestConfigurationsOfGivenPeers(t *testing.T) {
	t.Parallel()
	b := &bench{
		secret: "secret?", upstream: "127.0.0.1:9", services: &services.Services{AMQPURL: "amqp://broker"},
		programs: programs{schema: "/schemas/order.json"},
	}
	files, err := templates.ReadDir("given")
	require.NoError(t, err)
	dir, texts := t.TempDir(), map[string]string{}
	for _, file := range files {
		require.NoError(t, b.fill(file.Name(), dir, "127.0.0.1:8080", "peers.x"))
		text, err := os.ReadFile(filepath.Join(dir, file.Name()))
		require.NoError(t, err)
		require.NotContains(t, string(text), "{{")
		require.NotContains(t, string(text), "no value")
		texts[file.Name()] = string(text)
	}
	var krakend struct {
		Port      int
		Endpoints []struct {
			ExtraConfig map[string]json.RawMessage `json:"extra_config"`
			Backend     []struct{ Host []string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(texts["krakend.json"]), &krakend))
	require.Equal(t, 8080, krakend.Port)
	require.JSONEq(t, string(workload.Schema), string(krakend.Endpoints[0].ExtraConfig["validation/json-schema"]))
	require.Equal(t, []string{"amqp://broker"}, krakend.Endpoints[0].Backend[0].Host)
	require.JSONEq(t, `{"keys":[{"kty":"oct","use":"sig","kid":"k1","alg":"HS256","k":"c2VjcmV0Pw"}]}`, texts["jwk.json"])
	require.Contains(t, texts["Caddyfile"], "sign_key c2VjcmV0Pw==\n")
	require.Contains(t, texts["Caddyfile"], "reverse_proxy 127.0.0.1:9\n")
	require.Contains(t, texts["bento.yaml"], "schema_path: file:///schemas/order.json\n")
}

func TestUpstreamTakesTheBody(t *testing.T) {
	t.Parallel()
	address, stop, err := serveUpstream(t.Context())
	require.NoError(t, err)
	defer stop()
	response, err := http.Post("http://"+address+workload.Path, "application/json", strings.NewReader("{}"))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, accepted, response.StatusCode)
}
