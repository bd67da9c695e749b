package api

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

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
		{"zone": "user", "key": "{http.auth.user.id}", "rate": "10/s", "burst": 20.0, "interval_seconds": 0.1, "gateways": 2.0, "at": "2026-03-04T05:06:07.000891Z"},
	}, found.Zones)
	require.Len(t, found.Offenders, 2, "those of the last minutes")
	require.Equal(t, []any{"alice", 7.0, "old", "bob", "new"}, []any{
		found.Offenders[0]["key"], found.Offenders[0]["refused"], found.Offenders[0]["gateway"], found.Offenders[1]["key"], found.Offenders[1]["gateway"],
	})
	requireProblem(t, askAs(t, h, "GET", "/v1/limits", "demo"), 403, "other-bot")
	requireProblem(t, ask(t, h, "GET", "/v1/limits?x=1"), 400, "malformed")
	requireProblem(t, ask(t, handler(t, Config{Refusals: &fakeRefusals{err: refusal.ErrUnavailable}}), "GET", "/v1/limits"), 503, "unavailable")
}

// fakeLimits are limits of which alice took much, and of which nothing is known where err is set.
type fakeLimits struct {
	reset func(zone, key string) error
	err   error
}

func (f fakeLimits) ResetLimit(_ context.Context, zone, key string) error { return f.reset(zone, key) }

func (f fakeLimits) SpentLimits(_ context.Context, key string, zones ...string) ([]time.Duration, error) {
	spent := make([]time.Duration, len(zones))
	for i, zone := range zones {
		if key == "alice" && zone == "user" {
			spent[i] = 1250 * time.Millisecond
		}
	}
	return spent, f.err
}

func TestAllowances(t *testing.T) {
	t.Parallel()
	allowances := func(limits Limits, key string) (found []any) {
		w := ask(t, handler(t, Config{Refusals: &fakeRefusals{}, Limits: limits}), "GET", "/v1/limits?key="+key)
		require.Equal(t, 200, w.Code, w.Body)
		var view struct{ Zones []map[string]any }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &view))
		for _, z := range view.Zones {
			found = append(found, z["allowance"])
		}
		return found
	}
	require.Equal(t, []any{nil, map[string]any{"remaining": 7.0, "whole_in_ms": 1250.0}}, allowances(fakeLimits{}, "alice"), "one of them has no rate")
	require.Equal(t, []any{nil, map[string]any{"remaining": 20.0, "whole_in_ms": 0.0}}, allowances(fakeLimits{}, "bob"))
	require.Equal(t, []any{nil, nil}, allowances(fakeLimits{}, ""))
	require.Equal(t, []any{nil, nil}, allowances(nil, "alice"), "out of reach")
	require.Equal(t, []any{nil, nil}, allowances(fakeLimits{err: errors.New("away")}, "alice"), "the limits are known all the same")
	requireProblem(t, ask(t, handler(t, Config{Refusals: &fakeRefusals{}}), "GET", "/v1/limits?key="+strings.Repeat("x", maxLimitKey+1)), 400, "malformed")
}

func TestResetLimit(t *testing.T) {
	t.Parallel()
	var reset []string
	var failure error
	log := &fakeAudit{}
	cfg := Config{Audit: log, Refusals: &fakeRefusals{}, Limits: fakeLimits{reset: func(zone, key string) error {
		reset = append(reset, zone+" "+key)
		return failure
	}}}
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
	cfg.Limits = nil
	requireProblem(t, ask(t, handler(t, cfg), "POST", "/v1/limits/reset?zone=user&key=alice"), 409, "no-reset")
}
