package botenqueue

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/modules/internal/delivery"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestDeliverAt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		headers []string
		body    string
		// due is the time for which it is scheduled, notBefore the one until which the queue holds it.
		due, notBefore time.Duration
		refused        string
	}{
		"header":             {headers: []string{"2026-03-01T13:00:00Z"}, due: time.Hour},
		"another zone":       {headers: []string{"2026-03-01T14:00:00.5+01:00"}, due: time.Hour + 500*time.Millisecond},
		"member":             {body: `{"command":"/x","deliver_at":"2026-03-02T12:00:00Z"}`, due: 24 * time.Hour},
		"escaped member":     {body: `{"command":"/x","deliver\u005fat":"2026-03-02T12:00:00Z"}`, due: 24 * time.Hour},
		"header goes before": {headers: []string{"2026-03-01T13:00:00Z"}, body: `{"deliver_at":"never"}`, due: time.Hour},
		"null":               {body: `{"command":"/x","deliver_at":null}`},
		"member of a member": {body: `{"args":{"deliver_at":"2026-03-02T12:00:00Z"}}`},
		"no JSON":            {body: `deliver_at`},
		"within a minute":    {headers: []string{"2026-03-01T12:01:00Z"}, notBefore: time.Minute},
		"now":                {headers: []string{"2026-03-01T12:00:00Z"}},
		"past":               {headers: []string{"2020-03-01T12:00:00Z"}},
		"a year":             {headers: []string{"2027-03-02T12:00:00Z"}, due: 366 * 24 * time.Hour},
		"more than a year":   {headers: []string{"2027-03-02T12:00:01Z"}, refused: "header Botgate-Deliver-At must be within 366 days"},
		"no time":            {headers: []string{"tomorrow"}, refused: "header Botgate-Deliver-At must be a time"},
		"empty":              {headers: []string{""}, refused: "header Botgate-Deliver-At must be a time"},
		"twice":              {headers: []string{"2026-03-01T13:00:00Z", "2026-03-01T13:00:00Z"}, refused: "header Botgate-Deliver-At must be there once"},
		"member no time":     {body: `{"deliver_at":"soon"}`, refused: "member deliver_at must be a time"},
		"member no text":     {body: `{"deliver_at":1772366400}`, refused: "member deliver_at must be a text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fakeApp{}
			h := newHandler(f)
			h.now = func() time.Time { return noon }
			body := tc.body
			if body == "" {
				body = `{"command":"/x"}`
			}
			r := command(body)
			r.Header[headerDeliverAt] = tc.headers
			w := serve(t, h, r, client)
			if tc.refused != "" {
				require.Equal(t, http.StatusBadRequest, w.Code)
				require.Contains(t, w.Body.String(), tc.refused)
				require.Empty(t, f.published)
				return
			}
			require.Equal(t, http.StatusAccepted, w.Code)
			e := f.published[0]
			require.Equal(t, body, string(e.Data), "byte for byte")
			var answer struct {
				ID, Status string
				DeliverAt  time.Time `json:"deliver_at"`
			}
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
			if tc.due == 0 {
				require.Equal(t, []any{e.ID, "accepted", true}, []any{answer.ID, answer.Status, e.ForBot()})
				require.Equal(t, tc.notBefore > 0, !e.NotBefore.IsZero())
				require.True(t, tc.notBefore == 0 || e.NotBefore.Equal(noon.Add(tc.notBefore)))
				return
			}
			require.Equal(t, []string{e.ID, "scheduled"}, []string{answer.ID, answer.Status})
			require.Equal(t, noon.Add(tc.due), answer.DeliverAt)
			require.Equal(t, []time.Time{noon.Add(tc.due), noon}, []time.Time{e.Time, e.ScheduledAt})
			require.True(t, e.IsScheduled())
		})
	}
}

// TestDeliverAtIsPartOfTheRequest: the same key for another time is another request.
func TestDeliverAtIsPartOfTheRequest(t *testing.T) {
	t.Parallel()
	f := &fakeApp{}
	h := remembering(t, f, "")
	send := func(at string) int {
		r := command(`{"command":"/x"}`)
		r.Header.Set("Idempotency-Key", "k")
		if at != "" {
			r.Header.Set(headerDeliverAt, at)
		}
		return serve(t, h, r, client).Code
	}
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	require.Equal(t, http.StatusAccepted, send(later))
	require.Equal(t, http.StatusAccepted, send(later))
	require.Len(t, f.published, 1)
	require.Equal(t, http.StatusUnprocessableEntity, send(""))
	require.Equal(t, http.StatusUnprocessableEntity, send(strings.Replace(later, "Z", "+00:00", 1)))
	require.Len(t, f.published, 1)
}

// TestPlatformsDoNotSchedule: nobody signs the header.
func TestPlatformsDoNotSchedule(t *testing.T) {
	t.Parallel()
	f := &fakeApp{}
	h := newHandler(f)
	r := command(`{"deliver_at":"2036-03-01T13:00:00Z"}`)
	r.Header.Set(headerDeliverAt, "2036-03-01T13:00:00Z")
	d := &delivery.Delivery{Platform: "github", Delivery: platform.Delivery{Events: []platform.Event{{Type: "github.push"}}}}
	w := serveAfter(t, h, r, nil, func(r *http.Request) { delivery.Set(r, d) })
	require.Equal(t, http.StatusAccepted, w.Code)
	require.True(t, f.published[0].ForBot())
}
