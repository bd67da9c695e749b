package botlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"

	"github.com/botgate/botgate/internal/logformat"
	"github.com/botgate/botgate/modules/internal/adapttest"
	_ "github.com/botgate/botgate/modules/internal/redact"
)

func TestAdapt(t *testing.T) { adapttest.Run(t) }

// gateway is a logger that writes as Caddy does with the encoder.
func gateway(t *testing.T, style string, out *bytes.Buffer) *slog.Logger {
	t.Helper()
	return slog.New(zapslog.NewHandler(core(t, style, out), zapslog.WithName("backend"), zapslog.AddStacktraceAt(slog.LevelError+1)))
}

// core is what Caddy makes its loggers of with the encoder.
func core(t *testing.T, style string, out *bytes.Buffer) zapcore.Core {
	t.Helper()
	e := &Encoder{Style: style}
	require.NoError(t, e.Provision(caddy.Context{}))
	return zapcore.NewCore(e, zapcore.AddSync(out), zapcore.DebugLevel)
}

// TestBothSidesWriteTheSame compares records of the gateway with the same of the backend.
func TestBothSidesWriteTheSame(t *testing.T) {
	t.Parallel()
	var ours, theirs bytes.Buffer
	for _, log := range []*slog.Logger{
		gateway(t, logformat.JSON, &ours), logformat.NewLogger(&theirs, logformat.JSON, slog.LevelDebug, service, "backend"),
	} {
		log = log.With("role", "record")
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			log.Log(context.Background(), level, "message with \"quotes\"\n", "n", 1, "text", "a", "took", 1500*time.Millisecond,
				"at", time.Date(2026, 3, 1, 12, 0, 0, 5_000_000, time.FixedZone("", 3600)),
				"error", errors.New("broken"), slog.Group("group", "took", time.Minute, "level", "top"))
		}
	}
	mine, others := json.NewDecoder(&ours), json.NewDecoder(&theirs)
	for _, level := range []string{"debug", "info", "warn", "error"} {
		var a, b map[string]any
		require.NoError(t, mine.Decode(&a))
		require.NoError(t, others.Decode(&b))
		for _, record := range []map[string]any{a, b} {
			at, err := time.Parse(logformat.TimeLayout, record[logformat.Time].(string))
			require.NoError(t, err)
			require.WithinDuration(t, time.Now(), at, time.Minute)
			delete(record, logformat.Time)
		}
		require.Equal(t, a, b)
		require.Equal(t, level, a[logformat.Level])
		require.Equal(t, "botgate", a[logformat.Service])
		require.NotEmpty(t, a[logformat.Version])
		require.NotEmpty(t, a[logformat.Instance])
		require.InDelta(t, 1.5, a["took"], 0)
		require.Equal(t, "2026-03-01T11:00:00.005Z", a["at"])
	}
}

func TestTextIsForPeople(t *testing.T) {
	t.Parallel()
	for _, style := range []string{"", logformat.Text} {
		var out bytes.Buffer
		gateway(t, style, &out).Warn("words", "n", 1)
		require.Regexp(t, `^\S+ \S+\tWARN\tbackend\twords\t\{"n": 1\}\n$`, out.String())
	}
	require.ErrorContains(t, (&Encoder{Style: "xml"}).Provision(caddy.Context{}), "BOTGATE_LOG_FORMAT")
}

// TestSecretsStayOut of what Caddy writes of a request, in either way that it adds it.
func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/v1/events?access_token=geheim&bot=demo", nil)
	r.Header.Set("X-Telegram-Bot-Api-Secret-Token", "geheim")
	request := zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: r, ShouldLogCredentials: true})
	answer := zap.Object("resp_headers", caddyhttp.LoggableHTTPHeader{Header: http.Header{"X-Secret": {"geheim"}}})
	const address = "/v1/events?access_token=REDACTED&bot=demo"
	for _, style := range []string{logformat.Text, logformat.JSON} {
		for name, write := range map[string]func(*zap.Logger){
			"with the record":   func(l *zap.Logger) { l.Info("m", request, answer, zap.String("uri", r.RequestURI)) },
			"before the record": func(l *zap.Logger) { l.With(request, answer, zap.String("uri", r.RequestURI)).Info("m") },
		} {
			var out bytes.Buffer
			write(zap.New(core(t, style, &out)))
			require.NotContains(t, out.String(), "geheim", name)
			require.NotContains(t, out.String(), "eaders", name)
			require.Equal(t, 2, strings.Count(out.String(), address), name)
			require.Contains(t, out.String(), `"method"`, name)
		}
	}
}

// TestFieldsAreNotKept: records share the space for theirs.
func TestFieldsAreNotKept(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := zap.New(core(t, logformat.JSON, &out))
	log.Info("m", zap.String("one", "1"), zap.String("two", "2"))
	out.Reset()
	log.Info("m", zap.String("three", "3"))
	require.Regexp(t, `"three":"3"}\n$`, out.String())
	require.NotContains(t, out.String(), "one")
}
