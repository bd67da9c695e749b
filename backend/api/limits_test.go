package api

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/refusal"
)

func TestListLimits(t *testing.T) {
	t.Parallel()
	h := handler(t, Config{Refusals: &fakeRefusals{}})
	w := ask(t, h, "GET", "/v1/limits")
	require.Equal(t, 200, w.Code, w.Body)
	var found struct {
		Zones     []map[string]any
		Offenders []map[string]any
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &found))
	require.Equal(t, []map[string]any{
		{"zone": "places", "key": "k", "max_in_flight": 3.0, "plans": []any{map[string]any{"plan": "gold", "rate": "1/s", "burst": 1.0}}, "gateways": 1.0, "at": "2026-03-04T05:06:07.000891Z"},
		{"zone": "user", "key": "{http.auth.user.id}", "rate": "10/s", "burst": 20.0, "gateways": 2.0, "at": "2026-03-04T05:06:07.000891Z"},
	}, found.Zones)
	require.Len(t, found.Offenders, 2, "those of the last minutes")
	require.Equal(t, []any{"alice", 7.0, "old", "bob", "new"}, []any{
		found.Offenders[0]["key"], found.Offenders[0]["refused"], found.Offenders[0]["gateway"], found.Offenders[1]["key"], found.Offenders[1]["gateway"],
	})
	requireProblem(t, askAs(t, h, "GET", "/v1/limits", "demo"), 403, "other-bot")
	requireProblem(t, ask(t, h, "GET", "/v1/limits?x=1"), 400, "malformed")
	requireProblem(t, ask(t, handler(t, Config{Refusals: &fakeRefusals{err: refusal.ErrUnavailable}}), "GET", "/v1/limits"), 503, "unavailable")
}

func TestResetLimit(t *testing.T) {
	t.Parallel()
	var reset []string
	var failure error
	log := &fakeAudit{}
	cfg := Config{Audit: log, Refusals: &fakeRefusals{}, ResetLimit: func(_ context.Context, zone, key string) error {
		reset = append(reset, zone+" "+key)
		return failure
	}}
	h := handler(t, cfg)
	require.Equal(t, 204, ask(t, h, "POST", "/v1/limits/reset?zone=user&key=alice").Code)
	require.Equal(t, 204, ask(t, h, "POST", "/v1/limits/reset?zone=all").Code, "a key may be empty")
	require.Equal(t, []string{"user alice", "all "}, reset)
	require.Equal(t, "/v1/limits/reset?key="+hashOf("alice")+"&zone=user", log.entries[3].Target, "it may be a user")
	requireProblem(t, askAs(t, h, "POST", "/v1/limits/reset?zone=user&key=alice", "demo"), 403, "other-bot")
	requireProblem(t, ask(t, h, "POST", "/v1/limits/reset?key=alice"), 400, "malformed")
	require.Len(t, reset, 2)
	failure = errors.New("away")
	requireProblem(t, ask(t, h, "POST", "/v1/limits/reset?zone=user&key=alice"), 503, "unavailable")
	cfg.ResetLimit = nil
	requireProblem(t, ask(t, handler(t, cfg), "POST", "/v1/limits/reset?zone=user&key=alice"), 409, "no-reset")
}
