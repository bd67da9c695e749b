package api

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

func TestListAnswer(t *testing.T) {
	t.Parallel()
	next := &store.Position{Time: at, ID: "id-1"}
	reader := &fakeReader{page: &store.Page{Records: []*store.Record{record("application/json", nil)}, Next: next}}
	w := ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/events")
	require.Equal(t, 200, w.Code)
	require.JSONEq(t, `{"events":[{
		"id":"id-1","bot":"demo","type":"github.push","subject":"42","time":"2026-03-04T05:06:07.000891Z",
		"order_key":"7","verified_by":"github","content_type":"application/json","status":"accepted",
		"recorded_at":"2026-03-04T05:06:08.000891Z","updated_at":"2026-03-04T05:06:09.000891Z","attempt_count":0}],
		"next_cursor":"`+next.Cursor()+`"}`, w.Body.String())
	require.Equal(t, store.Query{Limit: 50}, reader.query)

	var page struct {
		NextCursor string `json:"next_cursor"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/events?cursor="+page.NextCursor)
	require.Equal(t, *next, reader.query.After)

	reader.page = &store.Page{}
	w = ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/events")
	require.JSONEq(t, `{"events":[]}`, w.Body.String())

	reader.page = &store.Page{Missing: []string{"shard-7"}}
	w = ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/events")
	require.JSONEq(t, `{"events":[],"incomplete":true}`, w.Body.String())
}

func TestEveryStatusCanBeAskedFor(t *testing.T) {
	t.Parallel()
	for _, status := range event.Statuses() {
		reader := &fakeReader{page: &store.Page{}}
		require.Equal(t, 200, ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/events?status="+string(status)).Code)
		require.Equal(t, status, reader.query.Status)
	}
	w := ask(t, handler(t, Config{}), "GET", "/v1/events?status=lost")
	requireProblem(t, w, 400, "malformed")
	require.Contains(t, w.Body.String(), "[accepted deferred replayed failed expired dead dropped delivered]")
}

func TestListParameters(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]store.Query{
		"": {Limit: 50},
		"bot=&user=&status=&type=&limit=&cursor=": {Limit: 50},
		"bot=demo&user=u%201&type=github.push":    {Bot: "demo", Subject: "u 1", Type: "github.push", Limit: 50},
		"status=dead&limit=200":                   {Status: event.StatusDead, Limit: 200},
		"status=accepted&limit=1":                 {Status: event.StatusAccepted, Limit: 1},
	} {
		reader := &fakeReader{page: &store.Page{}}
		w := ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/events?"+query)
		require.Equal(t, 200, w.Code, query)
		require.Equal(t, want, reader.query, query)
	}
}

func TestListRefusesBadParameters(t *testing.T) {
	t.Parallel()
	far := store.Position{Time: time.UnixMicro(1 << 62), ID: "x"}
	for _, query := range []string{
		"limit=0", "limit=201", "limit=-1", "limit=ten", "limit=1e1", "limit=99999999999999999999",
		"status=lost", "status=Dead",
		"cursor=%21", "cursor=AAAA", "cursor=" + strings.Repeat("A", 2000), "cursor=" + far.Cursor(), "cursor=" + store.Position{Time: at}.Cursor(),
		"cursor=" + store.Position{Time: at, ID: "\x00"}.Cursor(), "cursor=" + store.Position{Time: at, ID: "\xff"}.Cursor(),
		"users=1", "bot=a&bot=b", "bot=%zz", "bot=a;b", "bot=%00", "user=%ff", "type=" + strings.Repeat("x", 513),
	} {
		reader := &fakeReader{page: &store.Page{}}
		w := ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/events?"+query)
		requireProblem(t, w, 400, "malformed")
		require.Contains(t, w.Body.String(), `"detail":`, query)
		require.Zero(t, reader.calls, query)
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("bot=a&limit=10&status=dead")
	f.Fuzz(func(t *testing.T, raw string) {
		reader := &fakeReader{page: &store.Page{}}
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/events", nil)
		r.URL.RawQuery = raw
		handler(t, Config{Reader: reader}).ServeHTTP(httptest.NewRecorder(), r)
		if q := reader.query; reader.calls > 0 {
			require.True(t, q.Limit >= 1 && q.Limit <= store.MaxLimit)
			require.NotContains(t, q.Bot+q.Subject+q.Type, "\x00")
		}
	})
}
