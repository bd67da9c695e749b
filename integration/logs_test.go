package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/logformat"
	"github.com/botgate/botgate/internal/requestid"
)

// TestLogsHaveOneSchema has both programs log as JSON, from their start to their end, what goes well and what fails,
// and looks at every line.
func TestLogsHaveOneSchema(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_ROLES=none", "BOTGATE_LOG_FORMAT=json", "BOTGATE_LOG_LEVEL=debug")
	s.startGateway()
	backend := start(t, s.dir, s.env, backendBinary, "--roles", "record,dispatch,api")
	s.waitReady(s.api, backend)
	s.bot.failWith(func(delivered) int { return http.StatusServiceUnavailable })
	a, err := s.command(s.token("alice"), "", hello)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status)
	refused, err := send(http.MethodGet, s.base+"/v1/events", bearer("bad"), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, refused.status)

	fails := awaitRecord(t, backend, "attempts to deliver to a bot fail")
	require.Equal(t, []any{"warn", "backend", "demo", "5xx"}, []any{fails["level"], fails["logger"], fails["bot"], fails["cause"]})
	require.Equal(t, a.header.Get("Location"), fmt.Sprint("/v1/events/", fails["event_id"]))
	require.Equal(t, a.header.Get(requestid.Header), fails["request_id"])
	seen := awaitRecord(t, s.gateway, "request refused")
	require.Equal(t, []any{"warn", "botgate.security"}, []any{seen["level"], seen["logger"]})
	require.Equal(t, refused.header.Get(requestid.Header), seen["request_id"])
	require.Zero(t, backend.stop())
	require.Zero(t, s.gateway.stop())

	for service, p := range map[string]*process{"botgate": s.gateway, "botgate-backend": backend} {
		instances := map[any]bool{}
		for _, record := range records(t, p) {
			require.Equal(t, service, record[logformat.Service])
			instances[record[logformat.Instance]] = true
		}
		require.Len(t, instances, 1)
	}
}

// awaitRecord waits for the record with a message.
func awaitRecord(t *testing.T, p *process, message string) (found map[string]any) {
	t.Helper()
	eventually(t, func() error {
		for _, record := range records(t, p) {
			if record[logformat.Message] == message {
				found = record
				return nil
			}
		}
		return fmt.Errorf("no record %q", message)
	})
	return found
}

// records are the whole lines that a process has written so far, each of which has to follow the schema.
func records(t *testing.T, p *process) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(p.output.String()) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record), line)
		for _, field := range []string{logformat.Logger, logformat.Message, logformat.Service, logformat.Version, logformat.Instance} {
			require.IsType(t, "", record[field], "%s of %s", field, line)
			require.NotEmpty(t, record[field], "%s of %s", field, line)
			require.Equal(t, 1, strings.Count(line, `"`+field+`":`), "%s of %s", field, line)
		}
		at, err := time.Parse(logformat.TimeLayout, fmt.Sprint(record[logformat.Time]))
		require.NoError(t, err, line)
		require.Equal(t, at.UTC().Format(logformat.TimeLayout), record[logformat.Time], "it is in UTC, to the millisecond")
		require.Contains(t, []any{"debug", "info", "warn", "error"}, record[logformat.Level], line)
		all = append(all, record)
	}
	return all
}
