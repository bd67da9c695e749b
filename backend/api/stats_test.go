package api

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
)

func TestAllStats(t *testing.T) {
	t.Parallel()
	minute := at.Truncate(time.Minute)
	one := store.Activity{Counts: store.Counts{Delivered: 2}, Duration: 30 * time.Millisecond, Took: store.Buckets{0, 2}, Waited: store.Buckets{2}}
	reader := &fakeReader{stats: []store.Minute{{Minute: minute, Activity: one}, {Minute: minute.Add(5 * time.Minute)}}}
	w := ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/stats?from=2026-03-04T05:00:00Z&to=2026-03-04T06:00:00Z&step=5m")
	require.Equal(t, 200, w.Code, w.Body)
	const (
		counts  = `"accepted":0,"deferred":0,"delivered":2,"failed":0,"dead":0,"expired":0,"replayed":0,"dropped":0,"duration_ms":30`
		none    = `"accepted":0,"deferred":0,"delivered":0,"failed":0,"dead":0,"expired":0,"replayed":0,"dropped":0,"duration_ms":0`
		lasted  = `"attempts":{"buckets":[0,2,0,0,0,0,0,0,0,0],"p50_ms":17.5,"p95_ms":24.3},"deliveries":{"buckets":[2,0,0,0,0,0,0,0,0,0],"p50_ms":5,"p95_ms":9.5}`
		unknown = `{"buckets":[0,0,0,0,0,0,0,0,0,0],"p50_ms":null,"p95_ms":null}`
	)
	require.JSONEq(t, `{"from":"2026-03-04T05:00:00Z","to":"2026-03-04T06:00:00Z","step_seconds":300,
		"edges_ms":[10,25,50,100,250,1000,5000,30000,300000],
		"points":[{"at":"2026-03-04T05:06:00Z",`+counts+`,`+lasted+`},{"at":"2026-03-04T05:11:00Z",`+none+`,"attempts":`+unknown+`,"deliveries":`+unknown+`}],
		"total":{`+counts+`,`+lasted+`}}`, w.Body.String())
	require.Equal(t, store.StatsQuery{From: minute.Truncate(time.Hour), To: minute.Truncate(time.Hour).Add(time.Hour), Step: 5 * time.Minute}, reader.statsQuery)

	askAs(t, handler(t, Config{Reader: reader}), "GET", "/v1/stats", "demo")
	require.Equal(t, "demo", reader.statsQuery.Bot, "a token for one bot")
	requireProblem(t, askAs(t, handler(t, Config{Reader: reader}), "GET", "/v1/stats?bot=other", "demo"), 403, "other-bot")
}

func TestStatsStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reader := &fakeReader{}
		h := handler(t, Config{Reader: reader})
		for query, want := range map[string]time.Duration{
			"": time.Minute, "?from=4h": time.Minute, "?from=5h": 2 * time.Minute, "?from=24h": 5 * time.Minute, "?from=168h": time.Hour,
			"?from=24h&step=1h": time.Hour, "?from=1h&step=90m": 90 * time.Minute,
		} {
			require.Equal(t, 200, ask(t, h, "GET", "/v1/stats"+query).Code, query)
			require.Equal(t, want, reader.statsQuery.Step, query)
		}
		for _, query := range []string{"?step=30s", "?step=90s", "?from=24h&step=1m", "?step=-1m", "?step=x", "?from=200h", "?limit=1", "?bot=%00"} {
			requireProblem(t, ask(t, h, "GET", "/v1/stats"+query), 400, "malformed")
		}
	})
}
