package api

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// fakeQueue has two events for demo, of which one is in flight, and seven to be recorded.
type fakeQueue struct{ err error }

func (f fakeQueue) Depths(context.Context) (map[queue.Group]int64, error) {
	return map[queue.Group]int64{queue.Record: 7, queue.Dispatch: 2, queue.OfBot("demo"): 2, queue.OfBot("other"): 0}, f.err
}

func (f fakeQueue) Activity(context.Context) (queue.Activity, error) {
	a := queue.NewActivity()
	a.Oldest[queue.Record] = at
	a.Bots["demo"] = queue.BotActivity{InFlight: 1, Oldest: at}
	return a, f.err
}

// botReader has one delivered event of demo and one that failed, and a delivery in each of the last ten minutes.
type botReader struct{ *fakeReader }

func (b botReader) List(_ context.Context, q store.Query) (*store.Page, error) {
	r := record("", nil)
	r.Status, r.Last = event.StatusDelivered, &event.Change{Status: event.StatusDelivered, At: at, StatusCode: 204, DurationMS: 3}
	if slices.Contains(q.Statuses, event.StatusDead) {
		r.Event.ID, r.Last = "id-2", &event.Change{Status: event.StatusFailed, At: at, StatusCode: 503, Error: "answered 503", DurationMS: 9}
	}
	if q.Bot != "demo" {
		return &store.Page{}, b.err
	}
	return &store.Page{Records: []*store.Record{r}}, b.err
}

func (b botReader) Stats(_ context.Context, q store.StatsQuery) (minutes []store.Minute, _ error) {
	for n := time.Duration(10); n > 0 && q.Bot == "demo"; n-- {
		minutes = append(minutes, store.Minute{
			Minute:   q.To.Truncate(time.Minute).Add(-(n - 1) * time.Minute),
			Activity: store.Activity{Counts: store.Counts{Accepted: 1, Delivered: 1, Failed: 3}, Took: store.Buckets{4}},
		})
	}
	return minutes, b.err
}

func botsConfig(err error) Config {
	set := bots.Set{}
	for _, name := range []string{"demo", "other"} {
		set[name] = bots.Bot{Name: name, URL: "https://user:secret@bot.example/secret?key=secret", Secrets: []string{"whsec_secret"}}.WithDefaults()
	}
	demo := set["demo"]
	demo.Schedules = []bots.Schedule{{Name: "morning", Cron: "0 9 * * 1-5", TZ: "UTC", Type: "tick", Data: `{"secret":1}`}}
	set["demo"] = demo
	return Config{Reader: botReader{&fakeReader{err: err}}, Queue: fakeQueue{err}, Bots: func() bots.Set { return set }}
}

func TestBots(t *testing.T) {
	t.Parallel()
	h := handler(t, botsConfig(nil))
	var page struct {
		Bots []struct {
			Bot, Origin string
			Settings    map[string]any
			Last5m      map[string]any `json:"last_5m"`
			Last1h      map[string]any `json:"last_1h"`
			Waiting     *int
			InFlight    *int       `json:"in_flight"`
			OldestAt    *time.Time `json:"oldest_at"`
			LastSuccess *lastView  `json:"last_success"`
			LastFailure *lastView  `json:"last_failure"`
		}
		NextCursor string `json:"next_cursor"`
	}
	w := ask(t, h, "GET", "/v1/bots")
	require.Equal(t, 200, w.Code, w.Body)
	require.NotContains(t, w.Body.String(), "secret")
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	require.Len(t, page.Bots, 2)
	demo, other := page.Bots[0], page.Bots[1]
	require.Equal(t, "https://bot.example", demo.Settings["origin"])
	require.InDelta(t, 10_000, demo.Settings["timeout_ms"], 0)
	require.Equal(t, "off", demo.Settings["keep_answers"])
	require.Equal(t, "off", demo.Settings["answers"])
	require.Equal(t, false, demo.Settings["bulk"])
	require.Equal(t, []any{map[string]any{"name": "morning", "cron": "0 9 * * 1-5", "tz": "UTC", "type": "tick"}}, demo.Settings["schedules"])
	require.Empty(t, other.Settings["schedules"])
	require.InDelta(t, 6, demo.Last5m["delivered"], 0)
	require.InDelta(t, 10, demo.Last1h["delivered"], 0)
	require.InDelta(t, 0.25, demo.Last1h["success_rate"], 0)
	require.Equal(t, []int{2, 1}, []int{*demo.Waiting, *demo.InFlight})
	require.Equal(t, at, *demo.OldestAt)
	require.Equal(t, &lastView{"id-1", at, 204, "", 3}, demo.LastSuccess)
	require.Equal(t, &lastView{"id-2", at, 503, "answered 503", 9}, demo.LastFailure)
	require.Nil(t, other.Last1h["success_rate"])
	require.Nil(t, other.LastSuccess)
	require.Equal(t, []int{0, 0}, []int{*other.Waiting, *other.InFlight})

	one := ask(t, h, "GET", "/v1/bots?limit=1").Body.Bytes()
	require.NoError(t, json.Unmarshal(one, &page))
	require.Len(t, page.Bots, 1)
	require.Contains(t, ask(t, h, "GET", "/v1/bots?cursor="+page.NextCursor).Body.String(), `[{"bot":"other"`)
	require.JSONEq(t, ask(t, h, "GET", "/v1/bots?limit=1&cursor=a").Body.String(), string(one))
	require.Contains(t, askAs(t, h, "GET", "/v1/bots", "other").Body.String(), `{"bots":[{"bot":"other"`)
	require.JSONEq(t, `{"bots":[]}`, askAs(t, h, "GET", "/v1/bots", "third").Body.String())
	requireProblem(t, ask(t, h, "GET", "/v1/bots?cursor=a%20b"), 400, "malformed")
	requireProblem(t, ask(t, h, "GET", "/v1/bots?limit=101"), 400, "malformed")
}

func TestBot(t *testing.T) {
	t.Parallel()
	cfg := botsConfig(nil)
	h := handler(t, cfg)
	require.Contains(t, ask(t, h, "GET", "/v1/bots/demo").Body.String(), `"bot":"demo","settings":{"origin"`)
	require.Equal(t, 200, askAs(t, h, "GET", "/v1/bots/other", "other").Code)
	requireProblem(t, askAs(t, h, "GET", "/v1/bots/demo", "other"), 403, "other-bot")
	requireProblem(t, ask(t, h, "GET", "/v1/bots/nobody"), 404, "unknown-bot")
	requireProblem(t, ask(t, h, "GET", "/v1/bots/demo?x=1"), 400, "malformed")
	cfg.Bots, cfg.Queue = nil, nil // Another process delivers, and the queue is away.
	h = handler(t, cfg)
	unknown := ask(t, h, "GET", "/v1/bots/demo").Body.String()
	require.Contains(t, unknown, `"settings":null`)
	require.Contains(t, unknown, `"waiting":null,"in_flight":null,"oldest_at":null`)
	require.JSONEq(t, `{"bots":[]}`, ask(t, h, "GET", "/v1/bots").Body.String())
	cfg.Queue = fakeQueue{}
	require.Contains(t, ask(t, handler(t, cfg), "GET", "/v1/bots").Body.String(), `{"bot":"other"`)
	requireProblem(t, ask(t, handler(t, botsConfig(store.ErrUnavailable)), "GET", "/v1/bots"), 503, "unavailable")
}

func TestQueues(t *testing.T) {
	t.Parallel()
	h := handler(t, botsConfig(nil))
	require.JSONEq(t, `{"queues":[{"group":"dispatch","waiting":2,"in_flight":null,"oldest_at":null},
		{"group":"dispatch","bot":"demo","waiting":2,"in_flight":1,"oldest_at":"2026-03-04T05:06:07.000891Z"},
		{"group":"dispatch","bot":"other","waiting":0,"in_flight":0,"oldest_at":null},
		{"group":"record","waiting":7,"in_flight":null,"oldest_at":"2026-03-04T05:06:07.000891Z"}],"dead_letters":48}`, ask(t, h, "GET", "/v1/queues").Body.String())
	require.JSONEq(t, `{"queues":[{"group":"dispatch","bot":"other","waiting":0,"in_flight":0,"oldest_at":null}],"dead_letters":null}`,
		askAs(t, h, "GET", "/v1/queues", "other").Body.String())
	requireProblem(t, ask(t, handler(t, botsConfig(errors.New("secret"))), "GET", "/v1/queues"), 503, "unavailable")
	requireProblem(t, ask(t, h, "GET", "/v1/queues?bot=demo"), 400, "malformed")
}

func TestSystem(t *testing.T) {
	t.Parallel()
	h := handler(t, Config{System: fakeSystem()})
	require.JSONEq(t, `{"version":"1.2.3","instance":"host/7","roles":["api"],"shards":["main"],"started_at":"2026-03-04T05:06:07Z",
		"retention_seconds":3600,"status":"degraded","checks":{"store":"degraded"},"details":{"store":"shard b"},"processes":null}`, ask(t, h, "GET", "/v1/system").Body.String())
	requireProblem(t, askAs(t, h, "GET", "/v1/system", "demo"), 403, "other-bot")
	requireProblem(t, ask(t, h, "GET", "/v1/system?x=1"), 400, "malformed")
	requireProblem(t, ask(t, handler(t, Config{}), "GET", "/v1/system"), 404, "not-found")
}

func fakeSystem() *System {
	return &System{
		Version: "1.2.3", Instance: "host/7", Roles: []string{"api"}, Shards: []string{"main"}, StartedAt: at, Retention: time.Hour,
		Health: func(context.Context) (string, map[string]string, map[string]string) {
			return "degraded", map[string]string{"store": "degraded"}, map[string]string{"store": "shard b"}
		},
	}
}
