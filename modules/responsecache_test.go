package modules_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// cachedRoute is a synchronous route as operators write it, with what stands around bot_cache.
const cachedRoute = `{
	admin off
	botgate {
		data {$BOTGATE_DATA}
	}
}
http://%[1]s {
	encode gzip
	header X-Site botgate
	bot_jwt {
		issuer own {
			key HS256 file {$BOTGATE_DATA}/jwt.secret
		}
		audience own
	}
	bot_cache {
		stale_while_revalidate 10m
		stale_if_error 1h
		per_caller
	}
	reverse_proxy %[2]s {
		header_up -Authorization
		header_up X-Botgate-User {http.auth.user.id}
		header_up X-Asked-For {http.request.orig_uri}
	}
}
`

// TestResponseCache has a bot behind a token answer each user once, renew what it said with all it needs to know, and go
// away.
func TestResponseCache(t *testing.T) {
	var asked atomic.Int64
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		if r.URL.Path == "/broken" {
			w.Header().Set("Content-Length", "100")
		}
		w.Header().Set("Cache-Control", "private, max-age="+r.URL.Query().Get("for"))
		fmt.Fprintf(w, "answer %d of %s to %s", n, r.Header.Get("X-Asked-For"), r.Header.Get("X-Botgate-User"))
	}))
	defer bot.Close()
	get := startCached(t, bot.Listener.Addr().String())

	require.Equal(t, "answer 1 of /a?for=60 to alice", get("alice", "/a?for=60"))
	require.Equal(t, "answer 1 of /a?for=60 to alice", get("alice", "/a?for=60"))
	require.Equal(t, "answer 2 of /a?for=60 to bob", get("bob", "/a?for=60"))
	require.Equal(t, "401", get("", "/a?for=60"))

	require.Equal(t, "answer 3 of /b?for=0 to alice", get("alice", "/b?for=0"))
	require.Equal(t, "answer 3 of /b?for=0 to alice", get("alice", "/b?for=0"), "while it is asked for anew")
	require.Eventually(t, func() bool { return get("alice", "/b?for=0") > "answer 3 of" }, time.Minute, 10*time.Millisecond)
	require.Regexp(t, `^answer \d+ of /b\?for=0 to alice$`, get("alice", "/b?for=0"), "the renewal knows who asks")

	require.Equal(t, "cut off", get("alice", "/broken?for=60"))
	require.Equal(t, "cut off", get("alice", "/broken?for=60"), "a part of an answer is not kept")
	bot.Close()
	require.Equal(t, "answer 1 of /a?for=60 to alice", get("alice", "/a?for=60"))
	require.Equal(t, "502", get("alice", "/c?for=60"))
}

// startCached starts a gateway with the route. What it returns asks as a user, for a body or a status.
func startCached(t *testing.T, bot string) func(user, uri string) string {
	t.Helper()
	data := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(data, "jwt.secret"), []byte(jwtSecret+"\n"), 0o600))
	t.Setenv("BOTGATE_DATA", data)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, cachedRoute, address, bot), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, caddy.Stop()) })
	require.NoError(t, caddy.Load(adapted, true))
	tokens := map[string]string{}
	for _, user := range []string{"alice", "bob"} {
		tokens[user], err = jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"iss": "own", "aud": "own", "sub": user, "exp": time.Now().Add(time.Hour).Unix(),
		}).SignedString([]byte(jwtSecret))
		require.NoError(t, err)
	}
	return func(user, uri string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+uri, nil)
		require.NoError(t, err)
		if user != "" {
			r.Header.Set("Authorization", "Bearer "+tokens[user])
		}
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return "cut off"
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Sprint(response.StatusCode)
		}
		require.Equal(t, "botgate", response.Header.Get("X-Site"))
		return string(body)
	}
}
