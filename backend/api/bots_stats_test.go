package api

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
)

func TestStats(t *testing.T) {
	t.Parallel()
	minute := at.Truncate(time.Minute)
	reader := &fakeReader{stats: []store.Minute{{Minute: minute, Activity: store.Activity{Counts: store.Counts{Accepted: 3, Delivered: 2, Failed: 1}, Duration: 1500 * time.Microsecond}}}}
	w := ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/bots/demo/stats?from=2026-03-04T05:06:07Z&to=2026-03-04T05:07:00.1Z")
	require.Equal(t, 200, w.Code, w.Body)
	require.JSONEq(t, `{"bot":"demo","from":"2026-03-04T05:06:00Z","to":"2026-03-04T05:08:00Z","minutes":[{"minute":"2026-03-04T05:06:00Z",
		"accepted":3,"deferred":0,"delivered":2,"failed":1,"dead":0,"expired":0,"replayed":0,"dropped":0,"duration_ms":1}]}`, w.Body.String())
	require.NotEmpty(t, w.Header().Get("ETag"))
	require.Equal(t, store.StatsQuery{Bot: "demo", From: minute, To: minute.Add(2 * time.Minute)}, reader.statsQuery)

	reader.stats = nil
	w = ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/bots/other/stats?from=2026-03-04T05:06:00Z&to=2026-03-04T05:07:00Z")
	require.JSONEq(t, `{"bot":"other","from":"2026-03-04T05:06:00Z","to":"2026-03-04T05:07:00Z","minutes":[]}`, w.Body.String())
}

func TestStatsRange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reader := &fakeReader{}
		h := handler(t, Config{Reader: reader})
		time.Sleep(90 * time.Second) //nolint:forbidigo // In a bubble, where time is fake and begins in 2000.
		begin := time.Date(2000, 1, 1, 0, 2, 0, 0, time.UTC)
		for query, want := range map[string][2]time.Time{
			"":                           {begin.Add(-time.Hour), begin},
			"?from=":                     {begin.Add(-time.Hour), begin},
			"?from=1999-12-31T23:00:30Z": {begin.Add(-62 * time.Minute), begin},
			"?to=1999-12-31T23:00:00Z":   {begin.Add(-122 * time.Minute), begin.Add(-62 * time.Minute)},
			"?from=1999-12-25T00:02:00Z": {begin.Add(-7 * 24 * time.Hour), begin},
			"?from=1999-12-25T00:01:59Z": {begin.Add(-7 * 24 * time.Hour), begin},
			"?from=7d":                   {begin.Add(-7 * 24 * time.Hour), begin},
		} {
			require.Equal(t, 200, ask(t, h, "GET", "/v1/bots/demo/stats"+query).Code, query)
			require.Equal(t, want, [2]time.Time{reader.statsQuery.From, reader.statsQuery.To}, query)
		}
		calls := reader.calls
		for _, query := range []string{
			"?from=1999-12-25T00:01:28Z", "?from=2000-01-01T00:02:00Z", "?from=0001-02-01T00:00:00Z&to=9999-01-01T00:00:00Z",
			"?from=yesterday", "?to=1", "?bot=demo", "?from=&from=",
		} {
			requireProblem(t, ask(t, h, "GET", "/v1/bots/demo/stats"+query), 400, "malformed")
		}
		requireProblem(t, ask(t, h, "GET", "/v1/bots/a%20b/stats"), 404, "unknown-bot")
		requireProblem(t, ask(t, h, "POST", "/v1/bots/demo/stats"), 405, "method-not-allowed")
		require.Equal(t, calls, reader.calls)
	})
}
