package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

func TestFields(t *testing.T) {
	t.Parallel()
	rec := record("application/json", []byte(` {"b" : 1.0}`))
	h := handler(t, Config{Reader: &fakeReader{record: rec, page: &store.Page{Records: []*store.Record{rec}}}})
	for target, want := range map[string]string{
		"/v1/events/id-1?fields=id":                   `{"id":"id-1"}`,
		"/v1/events/id-1?fields=status,id":            `{"id":"id-1","status":"accepted"}`,
		"/v1/events/id-1?fields=attempts":             `{"attempts":[]}`,
		"/v1/events/id-1?fields=data":                 `{"data": {"b" : 1.0}}`,
		"/v1/events/id-1?fields=data_base64,bot":      `{"bot":"demo","data": {"b" : 1.0}}`,
		"/v1/events/id-1?fields=not_before":           `{}`,
		"/v1/events?fields=subject,time,bot":          `{"events":[{"bot":"demo","subject":"42","time":"2026-03-04T05:06:07.000891Z"}],"newer_cursor":"AAZMK8cLsTtpZC0x.IbdOeua7"}`,
		"/v1/events?fields=id&limit=3&user=42&cursor": `{"events":[{"id":"id-1"}],"newer_cursor":"AAZMK8cLsTtpZC0x.UPD0cV5k"}`,
	} {
		w := ask(t, h, "GET", target)
		require.Equal(t, 200, w.Code, target)
		require.Equal(t, want, w.Body.String(), target)
	}
	all := ask(t, h, "GET", "/v1/events/id-1?fields=").Body.String()
	require.Equal(t, ask(t, h, "GET", "/v1/events/id-1").Body.String(), all, "empty is none")
	require.Equal(t, all, ask(t, h, "GET", "/v1/events/id-1?fields="+strings.Join(slices.DeleteFunc(eventjson.Detailed.Names(), func(name string) bool { return name == "data_base64" }), ",")).Body.String())
	for _, target := range []string{
		"/v1/events/id-1?fields=user", "/v1/events/id-1?fields=id,", "/v1/events/id-1?fields=id,%20bot", "/v1/events/id-1?fields=ID",
		"/v1/events/id-1?fields=id&fields=bot", "/v1/events/id-1?field=id", "/v1/events?fields=data", "/v1/events?fields=attempts",
	} {
		requireProblem(t, ask(t, h, "GET", target), 400, "malformed")
	}
}

// TestUnwantedBodyIsNotRead has a body that would be encoded, were it looked at.
func TestUnwantedBodyIsNotRead(t *testing.T) {
	t.Parallel()
	rec := record("text/plain", make([]byte, 1<<20))
	h := handler(t, Config{Reader: &fakeReader{record: rec}})
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/events/id-1?fields=id", nil)
	allocated := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
	}).AllocedBytesPerOp()
	require.Less(t, allocated, int64(len(rec.Event.Data)/8))
}

func TestEventAtATime(t *testing.T) {
	t.Parallel()
	rec := record("", nil)
	rec.Status, rec.AttemptCount = event.StatusDelivered, 1
	rec.Attempts = []event.Change{{EventID: "id-1", Attempt: 1, Status: event.StatusDelivered, At: at.Add(time.Minute)}}
	h := handler(t, Config{Reader: &fakeReader{record: rec}})
	for then, want := range map[time.Time]string{
		at:                               `{"status":"accepted","updated_at":"2026-03-04T05:06:07.000891Z","attempt_count":0,"attempts":[]}`,
		at.Add(time.Minute - 1):          `{"status":"accepted","updated_at":"2026-03-04T05:06:07.000891Z","attempt_count":0,"attempts":[]}`,
		at.Add(time.Minute):              `{"status":"delivered","updated_at":"2026-03-04T05:07:07.000891Z","attempt_count":1,"attempts":[{"attempt":1,"status":"delivered","at":"2026-03-04T05:07:07.000891Z","duration_ms":0}]}`,
		at.Add(time.Hour).In(time.Local): `{"status":"delivered","updated_at":"2026-03-04T05:07:07.000891Z","attempt_count":1,"attempts":[{"attempt":1,"status":"delivered","at":"2026-03-04T05:07:07.000891Z","duration_ms":0}]}`,
	} {
		w := ask(t, h, "GET", "/v1/events/id-1?fields=status,updated_at,attempt_count,attempts&at="+url.QueryEscape(then.Format(time.RFC3339Nano)))
		require.Equal(t, 200, w.Code, w.Body)
		require.JSONEq(t, want, w.Body.String(), then)
		require.Equal(t, "private, no-cache", w.Header().Get("Cache-Control"), "what happened then may be recorded later")
	}
	requireProblem(t, ask(t, h, "GET", "/v1/events/id-1?at=2026-03-04T05:06:07Z"), 404, "unknown-event")
	for _, value := range []string{"now", "2026-03-04", "2026-03-04T05:06:07", "2026-03-04T05:06:07+01:00", "0000-01-01T00:00:00Z"} {
		requireProblem(t, ask(t, h, "GET", "/v1/events/id-1?at="+value), 400, "malformed")
	}
}

// TestUnchangedAnswers asks again with the ETag of the first answer.
func TestUnchangedAnswers(t *testing.T) {
	t.Parallel()
	rec := record("application/json", []byte(`{}`))
	h := handler(t, Config{Reader: &fakeReader{record: rec, page: &store.Page{Records: []*store.Record{rec}}}})
	again := func(method, target, tag string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
		r.Header.Set("If-None-Match", tag)
		h.ServeHTTP(w, r)
		return w
	}
	tags := map[string]string{}
	for _, target := range []string{"/v1/events/id-1", "/v1/events/id-1?fields=id", "/v1/events/id-1?fields=data", "/v1/events", "/v1/events?fields=id"} {
		w := ask(t, h, "GET", target)
		tag := w.Header().Get("ETag")
		require.Regexp(t, `^"[\w-]{24}"$`, tag, "strong")
		require.Empty(t, tags[tag], "%s has the ETag of %s", target, tags[tag])
		tags[tag] = target
		require.Equal(t, tag, ask(t, h, "HEAD", target).Header().Get("ETag"))
		for _, given := range []string{tag, `"x", W/` + tag, "*"} {
			for _, method := range []string{"GET", "HEAD"} {
				w := again(method, target, given)
				require.Equal(t, http.StatusNotModified, w.Code, given)
				require.Empty(t, w.Body.String())
				require.Equal(t, tag, w.Header().Get("ETag"))
				require.Equal(t, "private, no-cache", w.Header().Get("Cache-Control"))
				require.Empty(t, w.Header().Get("Content-Type"))
			}
		}
		require.Equal(t, 200, again("GET", target, `"x"`).Code)
	}
	first := ask(t, h, "GET", "/v1/events/id-1")
	rec.Status = event.StatusDelivered
	w := again("GET", "/v1/events/id-1", first.Header().Get("ETag"))
	require.Equal(t, 200, w.Code, "it changed")
	require.True(t, json.Valid(w.Body.Bytes()))
}
