package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

func TestEvent(t *testing.T) {
	t.Parallel()
	rec := record("application/json", []byte(`{"b": 1.0,"a":[ ]}`))
	next := at.Add(time.Minute)
	rec.Status, rec.AttemptCount = event.StatusDelivered, 2
	rec.Attempts = []event.Change{
		{EventID: "id-1", Attempt: 1, Status: event.StatusFailed, At: at, DurationMS: 12, StatusCode: 500, Error: "the bot answered 500", NextAttempt: &next},
		{EventID: "id-1", Attempt: 2, Status: event.StatusDelivered, At: next, DurationMS: 3, StatusCode: 204},
	}
	reader := &fakeReader{record: rec}
	w := ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/events/id-1")
	require.Equal(t, 200, w.Code)
	require.Equal(t, "id-1", reader.id)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "private, no-cache", w.Header().Get("Cache-Control"))
	require.JSONEq(t, `{
		"id":"id-1","bot":"demo","type":"github.push","subject":"42","time":"2026-03-04T05:06:07.000891Z",
		"order_key":"7","verified_by":"github","content_type":"application/json","status":"delivered",
		"recorded_at":"2026-03-04T05:06:08.000891Z","updated_at":"2026-03-04T05:06:09.000891Z","attempt_count":2,"replays":0,"size":0,"delivery_ms":2000,
		"attempts":[
			{"attempt":1,"status":"failed","at":"2026-03-04T05:06:07.000891Z","duration_ms":12,"status_code":500,
			 "error":"the bot answered 500","next_attempt":"2026-03-04T05:07:07.000891Z"},
			{"attempt":2,"status":"delivered","at":"2026-03-04T05:07:07.000891Z","duration_ms":3,"status_code":204}],
		"data":{"b":1.0,"a":[]}}`, w.Body.String())
}

func TestBodySurvivesByteForByte(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, contentType, data string
		verbatim                bool
	}{
		{"white space, key order, numbers, escapes", "application/json", " {\"z\" : 1e400, \"a\":0.10,\n\"a\":\"\\u00e9\\/<>&\"}\r\n", true},
		{"parameters", "application/json; charset=utf-8", `[1]`, true},
		{"suffix", "application/cloudevents+json", `"x"`, true},
		{"upper case", "Application/JSON", `null`, true},
		{"not JSON", "application/json", `{"a":`, false},
		{"two values", "application/json", `{}{}`, false},
		{"invalid UTF-8", "application/json", "\"\xff\"", false},
		{"other type", "application/x-www-form-urlencoded", `1`, false},
		{"other type that ends alike", "application/notjson", `1`, false},
		{"no type", "", `{}`, false},
		{"malformed type", "application json", `{}`, false},
		{"binary", "application/octet-stream", "\x00\x01\xff", false},
		{"empty", "application/json", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := handler(t, Config{Reader: &fakeReader{record: record(tc.contentType, []byte(tc.data))}})
			w := ask(t, h, "GET", "/v1/events/id-1")
			require.Equal(t, 200, w.Code)
			require.True(t, json.Valid(w.Body.Bytes()), w.Body.String())
			if tc.verbatim {
				require.True(t, strings.HasSuffix(w.Body.String(), `,"data":`+tc.data+`}`), w.Body.String())
				return
			}
			want := base64.StdEncoding.EncodeToString([]byte(tc.data))
			require.True(t, strings.HasSuffix(w.Body.String(), `,"data_base64":"`+want+`"}`), w.Body.String())
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	secret := errors.New("host=10.0.0.7 password=hunter2")
	found := &fakeReader{record: record("", nil), page: &store.Page{}}
	for _, tc := range []struct {
		name, method, target string
		reader               *fakeReader
		status               int
		slug, header, value  string
	}{
		{"unknown id", "GET", "/v1/events/x", &fakeReader{err: fmt.Errorf("get: %w", store.ErrNotFound)}, 404, "unknown-event", "", ""},
		{"id that can't be", "GET", "/v1/events/" + strings.Repeat("x", 65), found, 404, "unknown-event", "", ""},
		{"id with NUL", "GET", "/v1/events/%00", found, 404, "unknown-event", "", ""},
		{"id that is not UTF-8", "GET", "/v1/events/%ff", found, 404, "unknown-event", "", ""},
		{"no id", "GET", "/v1/events/", found, 404, "not-found", "", ""},
		{"other path", "GET", "/v1/other", found, 404, "not-found", "", ""},
		{"method on an event", "POST", "/v1/events/x", found, 405, "method-not-allowed", "Allow", "GET, HEAD"},
		{"method on the list", "DELETE", "/v1/events", found, 405, "method-not-allowed", "Allow", "GET, HEAD"},
		{"store unavailable", "GET", "/v1/events/x", &fakeReader{err: fmt.Errorf("%w: %w", store.ErrUnavailable, secret)}, 503, "unavailable", "Retry-After", "2"},
		{"store unavailable, list", "GET", "/v1/events", &fakeReader{err: fmt.Errorf("%w: %w", store.ErrUnavailable, secret)}, 503, "unavailable", "Retry-After", "2"},
		{"store broken", "GET", "/v1/events", &fakeReader{err: secret}, 500, "internal", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := ask(t, handler(t, Config{Reader: tc.reader}), tc.method, tc.target)
			requireProblem(t, w, tc.status, tc.slug)
			require.NotContains(t, w.Body.String(), "hunter2")
			if tc.header != "" {
				require.Equal(t, tc.value, w.Header().Get(tc.header))
			}
		})
	}
}

func TestSlowStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		w := ask(t, handler(t, Config{Reader: &fakeReader{}, Timeout: time.Second}), "GET", "/v1/events/x")
		requireProblem(t, w, http.StatusServiceUnavailable, "unavailable")
		require.Equal(t, time.Second, time.Since(started))
	})
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	h := handler(t, Config{Reader: &fakeReader{record: record("", nil)}, Registerer: reg})
	ask(t, h, "GET", "/v1/events/a")
	ask(t, h, "HEAD", "/v1/events/b")
	ask(t, h, "GET", "/v1/events?limit=0")
	ask(t, h, "GET", "/elsewhere")
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP botgate_api_requests_total Requests to the API by route and status code.
# TYPE botgate_api_requests_total counter
botgate_api_requests_total{code="200",route="event"} 2
botgate_api_requests_total{code="400",route="list"} 1
botgate_api_requests_total{code="404",route="other"} 1
`), "botgate_api_requests_total"))
	_, err := New(Config{Registerer: reg})
	require.Error(t, err, "metrics that nobody sees must not be silent")
}
