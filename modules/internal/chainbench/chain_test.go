package chainbench_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/tracing"
	_ "github.com/botgate/botgate/modules/botenqueue"
	_ "github.com/botgate/botgate/modules/botjwt"
	_ "github.com/botgate/botgate/modules/botlimit"
	_ "github.com/botgate/botgate/modules/botlog"
	_ "github.com/botgate/botgate/modules/botpath"
	_ "github.com/botgate/botgate/modules/botrequestid"
	_ "github.com/botgate/botgate/modules/botschema"
	_ "github.com/botgate/botgate/modules/bottrace"
	_ "github.com/botgate/botgate/modules/internal/redact"
)

const (
	secret = "4c0f8f5f0a0b4c2e9d3b7a61c5e2f90b"
	users  = 4000
)

// BenchmarkChain compares a command with a request that Caddy answers by itself, both from the request as it
// is on the wire. The difference is what Botgate's handlers cost. Counted is with Caddy's global option metrics, Logged
// with the access log, and Traced with spans:
//
//	go test -run - -bench Chain -benchmem ./modules/internal/chainbench
func BenchmarkChain(b *testing.B) {
	b.Run("Command", func(b *testing.B) { send(b, serve(b, ""), commands(b, users)) })
	b.Run("Counted", func(b *testing.B) { send(b, serve(b, "\tmetrics\n"), commands(b, users)) })
	b.Run("Logged", func(b *testing.B) {
		b.Setenv("BOTGATE_ACCESS_LOG", "on")
		send(b, serve(b, ""), commands(b, users))
	})
	b.Run("Traced", func(b *testing.B) { // One request of hundred is sampled, and exported to nobody.
		b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
		provider, err := tracing.Start(b.Context(), tracing.Config{Service: "bench", Logger: slog.New(slog.DiscardHandler)})
		require.NoError(b, err)
		tracer = provider.Tracer()
		b.Cleanup(func() {
			tracer = nil
			require.NoError(b, provider.Close())
		})
		send(b, serve(b, ""), commands(b, users))
	})
	b.Run("Respond", func(b *testing.B) {
		send(b, serve(b, ""), [][]byte{[]byte("GET /respond HTTP/1.1\r\nHost: localhost\r\n\r\n")})
	})
}

// The benchmark follows the shipped Caddyfile.
func TestChain(t *testing.T) {
	t.Setenv("BOTGATE_ACCESS_LOG", "on")
	sender(t, serve(t, ""), commands(t, 1))(0)
}

// serve starts Caddy with the route of commands of the shipped Caddyfile, and a global option.
func serve(b testing.TB, option string) *caddyhttp.Server {
	b.Helper()
	data := b.TempDir()
	require.NoError(b, os.WriteFile(filepath.Join(data, "jwt.secret"), []byte(secret), 0o600))
	b.Setenv("BOTGATE_DATA", data)
	b.Setenv("BOTGATE_HTTP_PORT", "0")
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config(b, option)), nil)
	require.NoError(b, err)
	require.NoError(b, caddy.Load(adapted, true))
	b.Cleanup(func() { require.NoError(b, caddy.Stop()) })
	app, err := caddy.ActiveContext().App("http")
	require.NoError(b, err)
	return app.(*caddyhttp.App).Servers["srv0"]
}

// config is what commands pass of the shipped Caddyfile, with globals of its own.
func config(b testing.TB, option string) string {
	b.Helper()
	shipped, err := os.ReadFile("../../../Caddyfile")
	require.NoError(b, err)
	part := func(from, to string) string {
		_, rest, ok := strings.Cut(string(shipped), from)
		require.True(b, ok, from)
		text, _, ok := strings.Cut(rest, to)
		require.True(b, ok, to)
		return from + text
	}
	format := part("\t\tformat bot_log", "\t# A stop begins")
	return "{\n" + option + "\tadmin off\n\tbotgate\n\tlog {\n\t\toutput file /dev/null\n" + format + "}\n" +
		part("(security_headers) {", "# Pages of these") + part("(client) {", "# The backend's API") +
		part("(access_log_off) {", "\n\n") + "\n\n" +
		part(":{$BOTGATE_HTTP_PORT", "\t# Commands for bots") + part("\t@command {", "\t# The sidecar form") + "\t@probes path /healthz\n" + "\trespond /respond 202\n}\n"
}

// commands are those of many users, so that none meets the limit, as they are on the wire.
func commands(b testing.TB, users int) [][]byte {
	b.Helper()
	body := `{"command":"/order","text":"` + strings.Repeat("x", 560) + `"}`
	all := make([][]byte, users)
	for n := range all {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"iss": "botgate", "aud": "botgate", "sub": fmt.Sprint("user-", n), "scope": "commands:write",
			"exp": time.Now().Add(time.Hour).Unix(),
		}).SignedString([]byte(secret))
		require.NoError(b, err)
		all[n] = fmt.Appendf(nil, "POST /v1/bots/demo/commands HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", token, len(body), body)
	}
	return all
}

// send has the server answer the requests, one after the other, after each was answered once.
func send(b *testing.B, server *caddyhttp.Server, requests [][]byte) {
	b.Helper()
	one := sender(b, server, requests)
	for n := range requests {
		one(n)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		one(n)
	}
}

// sender returns what has the server answer the n-th request.
func sender(b testing.TB, server *caddyhttp.Server, requests [][]byte) func(n int) {
	from, wire := bufio.NewReader(nil), bytes.NewReader(nil)
	return func(n int) {
		wire.Reset(requests[n%len(requests)])
		from.Reset(wire)
		r, err := http.ReadRequest(from)
		if err != nil {
			b.Fatal(err)
		}
		r.RemoteAddr = "192.0.2.1:4711"
		w := answer{header: http.Header{}}
		if server.ServeHTTP(&w, r); w.status != http.StatusAccepted {
			b.Fatal(w.status)
		}
	}
}

// answer is a writer that keeps the status alone.
type answer struct {
	header http.Header
	status int
}

// Header implements [http.ResponseWriter].
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements [http.ResponseWriter].
func (a *answer) Write(body []byte) (int, error) { return len(body), nil }
