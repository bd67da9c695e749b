package security

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/logging" // The writer of files.
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/report"
	"github.com/botgate/botgate/modules/internal/refusals"
)

// How often a reason is logged: as requestlog does it.
const burst, every = 20, 100

// record is one line of the log.
type record map[string]any

func request(t *testing.T, target string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader("private body"))
	r.Header.Set("Authorization", "Bearer private")
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, httptest.NewRecorder(), &caddyhttp.Server{})
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, "192.0.2.7")
	repl.Set("http.auth.user.id", "alice")
	return r
}

func parse(t *testing.T, logs *bytes.Buffer) []record {
	t.Helper()
	var records []record
	for line := range strings.Lines(logs.String()) {
		var r record
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		records = append(records, r)
	}
	logs.Reset()
	return records
}

func TestRecord(t *testing.T) {
	t.Parallel()
	var logs bytes.Buffer
	log := newLog(slog.New(slog.NewJSONHandler(&logs, nil)), time.Now)
	r := request(t, "/hooks/demo/github?access_token=private")
	r.URL.Path = "/rewritten"
	log.Refused(r, Refusal{Handler: "bot_signature", Reason: "signature_mismatch"})
	require.NotContains(t, logs.String(), "private")
	records := parse(t, &logs)
	require.Len(t, records, 1)
	for name, want := range map[string]any{
		"level": "WARN", "msg": "request refused", "by": "bot_signature", "reason": "signature_mismatch",
		"client": "192.0.2.7", "method": "POST", "path": "/hooks/demo/github", "user": "alice",
	} {
		require.Equal(t, want, records[0][name], name)
	}
	require.NotEmpty(t, records[0]["request_id"])
	require.NotContains(t, records[0], "suppressed")
}

func TestHostilePathStaysOneShortLine(t *testing.T) {
	t.Parallel()
	var logs bytes.Buffer
	log := newLog(slog.New(slog.NewJSONHandler(&logs, nil)), time.Now)
	log.Refused(request(t, "/a%0A%1B[31m%E2%80%AE"+strings.Repeat("x", 10_000)), Refusal{Handler: "bot_jwt", Reason: "malformed"})
	path := parse(t, &logs)[0]["path"].(string)
	require.True(t, strings.HasPrefix(path, "/a??[31m?"), path)
	require.LessOrEqual(t, len(path), 256)
}

func TestSampling(t *testing.T) {
	t.Parallel()
	var logs bytes.Buffer
	now := time.Unix(1_700_000_000, 0)
	log := newLog(slog.New(slog.NewJSONHandler(&logs, nil)), func() time.Time { return now })
	r := request(t, "/")
	for range 1000 {
		log.Refused(r, Refusal{Handler: "bot_jwt", Reason: "bad_signature"})
	}
	records := parse(t, &logs)
	require.Len(t, records, burst+1000/every)
	require.EqualValues(t, 79, records[burst]["suppressed"])
	require.EqualValues(t, 99, records[burst+1]["suppressed"])

	log.Refused(r, Refusal{Handler: "bot_jwt", Reason: "expired"})
	require.Len(t, parse(t, &logs), 1, "another reason is not held back")

	for range 50 {
		log.Refused(r, Refusal{Handler: "bot_jwt", Reason: "bad_signature"})
	}
	now = now.Add(time.Second)
	log.Refused(r, Refusal{Handler: "bot_jwt", Reason: "bad_signature"})
	records = parse(t, &logs)
	require.Len(t, records, 1)
	require.EqualValues(t, 50, records[0]["suppressed"])
}

// TestLogOfItsOwn gives the records a file of their own, by their name.
func TestLogOfItsOwn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "security.log")
	ctx, err := caddy.ProvisionContext(&caddy.Config{Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{
		"default": {Exclude: []string{LoggerName}},
		"security": {
			BaseLog: caddy.BaseLog{WriterRaw: fmt.Appendf(nil, `{"output":"file","filename":%q}`, file)},
			Include: []string{LoggerName},
		},
	}}})
	require.NoError(t, err)
	NewLog(ctx).Refused(request(t, "/x"), Refusal{Handler: "bot_jwt", Reason: "expired"})
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(written), `"logger":"botgate.security","msg":"request refused","by":"bot_jwt","reason":"expired"`)
}

// TestLockedOut says whom, and nothing where nobody was.
func TestLockedOut(t *testing.T) {
	t.Parallel()
	var logs bytes.Buffer
	log := newLog(slog.New(slog.NewJSONHandler(&logs, nil)), time.Now)
	r := request(t, "/v1/events?access_token=private")
	log.LockedOut(r, "bot_token", "192.0.2.7 acme", 0)
	require.Empty(t, logs.String())
	log.LockedOut(r, "bot_token", "192.0.2.7 acme", time.Minute)
	require.NotContains(t, logs.String(), "private")
	records := parse(t, &logs)
	require.Len(t, records, 1)
	require.Equal(t, []any{"locked out", "bot_token", "192.0.2.7 acme", float64(time.Minute)},
		[]any{records[0]["msg"], records[0]["by"], records[0]["who"], records[0]["for"]})
}

// fakeApp has a tally, as the botgate app does.
type fakeApp struct{ tally *refusals.Tally }

func (f fakeApp) Refusals() *refusals.Tally { return f.tally }
func (fakeApp) KnownBot(name string) bool   { return name == "demo" }

// TestOneMechanism feeds metrics, log and report by one call, and leaves the log out where a refusal is nothing to look
// at.
func TestOneMechanism(t *testing.T) {
	t.Parallel()
	var logs bytes.Buffer
	log := newLog(slog.New(slog.NewJSONHandler(&logs, nil)), time.Now)
	log.shared = fakeApp{refusals.NewTally()}
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "refused_total", Help: "Refusals."})
	why := Refusal{Handler: "bot_signature", Reason: "signature_mismatch", Platform: "github", Counter: counter}
	r := request(t, "/hooks/demo/github")
	refusals.About(r, "demo")
	log.Refused(r, why)
	log.Count(r, why)
	require.Len(t, parse(t, &logs), 1)
	require.InDelta(t, 2, testutil.ToFloat64(counter), 0)
	var made report.Report
	require.True(t, log.shared.Refusals().Take(&made))
	require.Equal(t, []report.Count{{
		Refusal: report.Refusal{Handler: "bot_signature", Reason: "signature_mismatch", Platform: "github", Bot: "demo"}, Count: 2,
	}}, made.Counts)
	require.Len(t, made.Samples, 2)
}
