package botlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"
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
	e := &Encoder{Style: style}
	require.NoError(t, e.Provision(caddy.Context{}))
	core := zapcore.NewCore(e, zapcore.AddSync(out), zapcore.DebugLevel)
	return slog.New(zapslog.NewHandler(core, zapslog.WithName("backend"), zapslog.AddStacktraceAt(slog.LevelError+1)))
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
