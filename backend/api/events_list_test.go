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
		"recorded_at":"2026-03-04T05:06:08.000891Z","updated_at":"2026-03-04T05:06:09.000891Z","attempt_count":0,"replays":0,"size":0}],
		"next_cursor":"`+cursorOf(t, w)+`","newer_cursor":"`+cursorOf(t, w)+`","searched_to":"2026-03-04T05:06:07.000891Z"}`, w.Body.String())
	require.Equal(t, store.Query{Limit: 50}, reader.query)

	full := ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/events?limit=1&cursor="+cursorOf(t, w))
	require.Equal(t, *next, reader.query.After)
	require.NotContains(t, full.Body.String(), "searched_to")

	reader.page = &store.Page{}
	w = ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/events")
	require.JSONEq(t, `{"events":[]}`, w.Body.String())

	reader.page = &store.Page{Missing: []string{"shard-7"}}
	w = ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/events")
	require.JSONEq(t, `{"events":[],"incomplete":true}`, w.Body.String())
}

// TestRow has what a list says of how an event went.
func TestRow(t *testing.T) {
	t.Parallel()
	rec := record("", nil)
	rec.Size, rec.Replays, rec.Status, rec.UpdatedAt = 7, 1, event.StatusFailed, at.Add(1500*time.Millisecond)
	rec.Last = &event.Change{
		Attempt: 2, Replays: 1, Status: event.StatusFailed, At: at, DurationMS: 9, StatusCode: 503, Error: "answered 503",
		NextAttempt: new(at.Add(time.Minute)), Answer: &event.Answer{Body: []byte("no")},
	}
	h := handler(t, Config{Reader: &fakeReader{page: &store.Page{Records: []*store.Record{rec}}}})
	const target = "/v1/events?fields=replays,size,delivery_ms,last"
	require.Contains(t, ask(t, h, "GET", target).Body.String(), `[{"replays":1,"size":7,"last":{"attempt":2,"replays":1,"status":"failed","at":"2026-03-04T05:06:07.000891Z","duration_ms":9,`+
		`"status_code":503,"error":"answered 503","next_attempt":"2026-03-04T05:07:07.000891Z"}}]`)
	rec.Status, rec.Last = event.StatusDelivered, nil
	require.Contains(t, ask(t, h, "GET", target).Body.String(), `[{"replays":1,"size":7,"delivery_ms":1500}]`)
	rec.UpdatedAt = at.Add(-time.Second)
	require.Contains(t, ask(t, h, "GET", target).Body.String(), `"delivery_ms":0`, "clocks differ")
}

// TestNewer goes from a page to those before it.
func TestNewer(t *testing.T) {
	t.Parallel()
	older, newer := record("", nil), record("", nil)
	newer.Event.ID, newer.Event.Time = "id-2", at.Add(time.Second)
	reader := &fakeReader{page: &store.Page{Records: []*store.Record{newer, older}}}
	h := handler(t, Config{Reader: reader})
	type view struct {
		Events      []struct{ ID string }
		NextCursor  string `json:"next_cursor"`
		NewerCursor string `json:"newer_cursor"`
	}
	page := func(query string) (v view) {
		w := ask(t, h, "GET", "/v1/events?bot=demo"+query)
		require.Equal(t, 200, w.Code, w.Body)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
		return v
	}
	first := page("")
	require.Empty(t, first.NextCursor)
	reader.page = &store.Page{}
	none := page("&newer=" + first.NewerCursor)
	require.Equal(t, store.Query{Bot: "demo", Oldest: true, Limit: 50, After: newer.Position()}, reader.query)
	require.Equal(t, view{Events: none.Events, NewerCursor: first.NewerCursor}, none, "to be asked again")

	reader.page = &store.Page{Records: []*store.Record{older, newer}}
	before := page("&newer=" + first.NewerCursor)
	require.Equal(t, "id-2", before.Events[0].ID, "in the order of the list")
	require.Equal(t, first.NewerCursor, before.NewerCursor)
	page("&cursor=" + before.NextCursor)
	require.Equal(t, store.Query{Bot: "demo", Limit: 50, After: older.Position()}, reader.query)

	reader.page.Next = &store.Position{Time: at.Add(time.Hour)}
	edge := page("&order=oldest&newer=" + page("&order=oldest").NewerCursor)
	require.False(t, reader.query.Oldest)
	page("&order=oldest&newer=" + edge.NewerCursor)
	require.Equal(t, *reader.page.Next, reader.query.After)
	requireProblem(t, ask(t, h, "GET", "/v1/events?newer="+first.NewerCursor), 400, "malformed")
	requireProblem(t, ask(t, h, "GET", "/v1/events?bot=demo&newer="+first.NewerCursor+"&cursor="+before.NextCursor), 400, "malformed")
}

func cursorOf(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var page struct {
		NextCursor string `json:"next_cursor"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	require.NotEmpty(t, page.NextCursor)
	return page.NextCursor
}

// TestCursorsAreOfOneList goes on in the list that a cursor is of, and in no other.
func TestCursorsAreOfOneList(t *testing.T) {
	t.Parallel()
	reader := &fakeReader{page: &store.Page{Next: &store.Position{Time: at, ID: "id-1"}}}
	h := handler(t, Config{Reader: reader})
	lists := []string{
		"", "bot=a", "bot=b", "user=a", "type=a", "status=dead", "status=dead,failed", "order=oldest", "from=1h", "q=a", "verified_by=a", "order_key=a", "to=1h", "from=2h",
		"from=2026-03-04T05:06:07Z", "from=2h&to=1h",
	}
	for _, of := range lists {
		next := cursorOf(t, ask(t, h, "GET", "/v1/events?"+of))
		for _, other := range lists {
			reader.query = store.Query{}
			w := ask(t, h, "GET", "/v1/events?"+other+"&limit=7&fields=id&cursor="+next)
			if of == other {
				require.Equal(t, 200, w.Code, of)
				require.Equal(t, *reader.page.Next, reader.query.After)
				continue
			}
			requireProblem(t, w, 400, "malformed")
			require.Contains(t, w.Body.String(), "belongs to another list", "%s, %s", of, other)
			require.Zero(t, reader.query)
		}
	}
	next := cursorOf(t, ask(t, h, "GET", "/v1/events?status=dead,failed"))
	require.Equal(t, 200, ask(t, h, "GET", "/v1/events?status=failed,dead,failed&order=newest&bot=&cursor="+next).Code, "the same list")
}

func TestListWindow(t *testing.T) {
	t.Parallel()
	reader := &fakeReader{page: &store.Page{}}
	h := handler(t, Config{Reader: reader})
	before := time.Now()
	require.Equal(t, 200, ask(t, h, "GET", "/v1/events?from=24h&to=1h").Code)
	require.WithinRange(t, reader.query.From, store.Micros(before.Add(-24*time.Hour)), time.Now().Add(-24*time.Hour))
	require.WithinRange(t, reader.query.To, store.Micros(before.Add(-time.Hour)), time.Now().Add(-time.Hour))
	for _, window := range []string{"from=1h&to=2h", "from=2026-03-04T05:06:07Z&to=2026-03-04T05:06:07Z"} {
		w := ask(t, h, "GET", "/v1/events?"+window)
		requireProblem(t, w, 400, "malformed")
		require.Contains(t, w.Body.String(), "from must be before", window)
	}
}

func TestEveryStatusCanBeAskedFor(t *testing.T) {
	t.Parallel()
	for _, status := range event.Statuses() {
		reader := &fakeReader{page: &store.Page{}}
		require.Equal(t, 200, ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/events?status="+string(status)).Code)
		require.Equal(t, []event.Status{status}, reader.query.Statuses)
	}
	w := ask(t, handler(t, Config{}), "GET", "/v1/events?status=lost")
	requireProblem(t, w, 400, "malformed")
	require.Contains(t, w.Body.String(), "[scheduled due accepted deferred released replayed failed expired dead dropped cancelled delivered]")
}

func TestListParameters(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]store.Query{
		"": {Limit: 50},
		"bot=&user=&status=&type=&limit=&cursor=": {Limit: 50},
		"bot=demo&user=u%201&type=github.push":    {Bot: "demo", Subject: "u 1", Type: "github.push", Limit: 50},
		"status=dead&limit=200":                   {Statuses: []event.Status{event.StatusDead}, Limit: 200},
		"status=failed,dead,failed&order=oldest":  {Statuses: []event.Status{event.StatusFailed, event.StatusDead}, Oldest: true, Limit: 50},
		"from=2026-03-04T05:06:07.0000019Z&to=2026-03-04t07:06:07%2B01:00&order=newest": {
			From: time.Date(2026, 3, 4, 5, 6, 7, 1000, time.UTC), To: time.Date(2026, 3, 4, 6, 6, 7, 0, time.UTC), Limit: 50,
		},
		"text=%22a%22:1":                     {Body: `"a":1`, Limit: 50},
		"q=01a2&verified_by=jwt&order_key=k": {Search: "01a2", VerifiedBy: "jwt", OrderKey: "k", Limit: 50},
		"status=accepted&limit=1":            {Statuses: []event.Status{event.StatusAccepted}, Limit: 1},
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
		"status=lost", "status=Dead", "status=dead,", "status=dead,lost", "status=dead&status=failed", "from=yesterday", "to=-1h", "from=0001-01-01T00:00:00Z", "order=newer", "order=OLDEST",
		"cursor=%21", "cursor=AAAA", "cursor=" + strings.Repeat("A", 2000), "cursor=" + far.Cursor(), "cursor=" + store.Position{Time: at}.Cursor(),
		"cursor=" + store.Position{Time: at, ID: "\x00"}.Cursor(), "cursor=" + store.Position{Time: at, ID: "\xff"}.Cursor(),
		"users=1", "Q=a", "q=%00", "q=" + strings.Repeat("x", 513), "newer=x", "bot=a&bot=b", "bot=%zz", "bot=a;b", "bot=%00", "user=%ff", "type=" + strings.Repeat("x", 513),
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
