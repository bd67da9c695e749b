package modules_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/golang-jwt/jwt/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testsvc"
)

// keyedRoute is that of the shipped Caddyfile for commands.
const keyedRoute = `{
	admin off
	auto_https off
	botgate {
		data {$BOTGATE_DATA}
		redis {$BOTGATE_REDIS_URL}
		bots demo
	}
}
http://%s {
	route {
		bot_jwt {
			key HS256 file {$BOTGATE_DATA}/jwt.secret
			issuer own
			audience own
		}
		bot_rate_limit {
			zone user {
				key  {http.auth.user.id}
				rate 1000/s
			}
			budget 20s
		}
		bot_schema command.v1.json
		bot_enqueue {
			bot                demo
			type               command
			idempotency_budget 20s
		}
	}
}
`

const jwtSecret = "4c0f8f5f0a0b4c2e9d3b7a61c5e2f90b"

// TestOneRoundTripBeforeTheAnswer counts how often Redis reads from its clients: once before the answer of a request
// with a key and once beside it, and twice for one that the schema refuses, whose key is free then.
func TestOneRoundTripBeforeTheAnswer(t *testing.T) {
	server := testsvc.StartRedis(t)
	client, err := redisclient.Open(server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	address := startKeyed(t, server.URL)
	send := func(key, body string) int { return sendKeyed(t, address, key, body) }
	require.Equal(t, http.StatusAccepted, send("first", `{"command":"/hi"}`)) // Opens what there is to open.

	const n = 20
	before := reads(t, client)
	for i := range n {
		require.Equal(t, http.StatusAccepted, send(fmt.Sprint("key", i), `{"command":"/hi"}`))
	}
	require.LessOrEqual(t, reads(t, client)-before, 2*n+n/2, "with what Redis is asked beside")

	before = reads(t, client)
	for i := range n {
		require.Equal(t, http.StatusUnprocessableEntity, send(fmt.Sprint("refused", i), `{"command":7}`))
		require.Equal(t, http.StatusAccepted, send(fmt.Sprint("refused", i), `{"command":"/hi"}`))
	}
	require.LessOrEqual(t, reads(t, client)-before, 4*n+n/2)
}

// startKeyed starts a gateway with the route and returns its address.
func startKeyed(t *testing.T, redisURL string) string {
	t.Helper()
	data := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(data, "jwt.secret"), []byte(jwtSecret+"\n"), 0o600))
	t.Setenv("BOTGATE_DATA", data)
	t.Setenv("BOTGATE_REDIS_URL", redisURL)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, keyedRoute, address), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, caddy.Stop()) })
	require.NoError(t, caddy.Load(adapted, true))
	return address
}

func sendKeyed(t *testing.T, address, key, body string) int {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "own", "aud": "own", "sub": "alice", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(jwtSecret))
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/", strings.NewReader(body))
	require.NoError(t, err)
	r.Header = http.Header{
		"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "Idempotency-Key": {key},
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	t.Logf("%s", text)
	return response.StatusCode
}

// reads is how often Redis read from its clients.
func reads(t *testing.T, client redis.UniversalClient) int {
	t.Helper()
	info, err := client.Info(t.Context(), "stats").Result()
	require.NoError(t, err)
	found := regexp.MustCompile(`total_reads_processed:(\d+)`).FindStringSubmatch(info)
	require.NotNil(t, found)
	n, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return n
}
