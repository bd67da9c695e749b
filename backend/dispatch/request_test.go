package dispatch

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	type received struct {
		method, path, query string
		header              http.Header
		body                []byte
	}
	requests := make(chan received, 1)
	address := bot(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- received{r.Method, r.URL.Path, r.URL.RawQuery, r.Header, body}
		w.WriteHeader(http.StatusNoContent)
	})
	q := newFakeQueue()
	start(t, q, strings.Replace(address, "//", "//user:p%40ss@", 1)+"/in?x=1", func(_ *Config, b *bots.Bot) {
		b.Secrets = []string{secretOf("one"), secretOf("two")}
		b.ForwardHeaders = []string{"X-Hub-Signature-256", "Authorization"}
	})
	e := newEvent("0198c0de-0000-7000-8000-000000000001")
	e.Subject, e.OrderKey, e.TraceParent = `Ünï "x" 100%`, "a b", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	e.RequestID = "4UUZX2TQ7C3JHN5OWMIB6RKYAE"
	e.Headers = "X-Hub-Signature-256: sha256=ab\nX-No-More: x\nAuthorization: Bearer of-the-platform\n"
	e.Data = []byte("{\"a\" :\x00\xff}")
	q.put(1, e)
	require.Equal(t, settled{how: "ack", id: e.ID, attempt: 1, told: 1}, q.next(t))

	got := <-requests
	require.Equal(t, "POST", got.method)
	require.Equal(t, "/in", got.path)
	require.Equal(t, "x=1", got.query)
	require.Equal(t, e.Data, got.body)
	for name, want := range map[string]string{
		"Content-Type":   "application/json",
		"User-Agent":     "Botgate",
		"Authorization":  "Basic dXNlcjpwQHNz",
		"Ce-Specversion": "1.0",
		"Ce-Id":          e.ID,
		"Ce-Source":      "/bots/demo",
		"Ce-Type":        "github.push",
		"Ce-Subject":     "%C3%9Cn%C3%AF%20%22x%22%20100%25",
		"Ce-Time":        e.Time.Format(time.RFC3339Nano),
		"Ce-Bot":         "demo",
		"Ce-Orderkey":    "a%20b",
		"Ce-Verifiedby":  "github",
		"Ce-Traceparent": e.TraceParent,
		"Ce-Requestid":   e.RequestID,
		"X-Request-Id":   e.RequestID,
		"Webhook-Id":     e.ID,

		"X-Hub-Signature-256": "sha256=ab",
	} {
		require.Equal(t, []string{want}, got.header.Values(name), name)
	}
	require.NotContains(t, got.header, "X-No-More", "the bots file does not name it any more")
	verifier := platform.StandardWebhooks()
	for _, name := range []string{"one", "two"} {
		secret, err := platform.ParseStandardWebhooksSecret(secretOf(name))
		require.NoError(t, err)
		require.NoError(t, verifier.Verify(&platform.Request{Header: got.header, Body: got.body, Now: time.Now()}, []platform.Secret{secret}))
	}
	require.Len(t, bytes.Fields([]byte(got.header.Get("Webhook-Signature"))), 2)
}

func TestEventWithoutTypeOrBody(t *testing.T) {
	t.Parallel()
	headers := make(chan http.Header, 1)
	q := newFakeQueue()
	start(t, q, bot(t, func(_ http.ResponseWriter, r *http.Request) { headers <- r.Header }))
	e := newEvent("e")
	e.ContentType, e.Data, e.Subject = "", nil, ""
	q.put(1, e)
	require.Equal(t, "ack", q.next(t).how)
	got := <-headers
	require.NotContains(t, got, "Content-Type")
	require.NotContains(t, got, "Ce-Subject")
}

// TestSignatureVectors checks against signatures that others made.
func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/standard_webhooks.json")
	require.NoError(t, err)
	var vectors []struct {
		Secret, ID, Body, Signature string
		Timestamp                   int64
	}
	require.NoError(t, json.Unmarshal(raw, &vectors))
	require.NotEmpty(t, vectors)
	for _, v := range vectors {
		target, err := newTarget(bots.Bot{URL: "http://bot", Secrets: []string{v.Secret}})
		require.NoError(t, err)
		h := target.header(t.Context(), &event.Event{ID: v.ID, Data: []byte(v.Body)}, 0, time.Unix(v.Timestamp, 999))
		require.Equal(t, v.Signature, h.Get("webhook-signature"))
		require.Equal(t, strconv.FormatInt(v.Timestamp, 10), h.Get("webhook-timestamp"))
		require.Equal(t, v.ID, h.Get("webhook-id"))
	}
}

func TestPercentEncode(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                 "",
		"/bots/demo-1_x~!": "/bots/demo-1_x~!",
		"Euro € 😀":         "Euro%20%E2%82%AC%20%F0%9F%98%80",
		`"100%"`:           "%22100%25%22",
		"\r\n\x7f\x00":     "%0D%0A%7F%00",
	} {
		require.Equal(t, want, percentEncode(in))
	}
}

func FuzzHeader(f *testing.F) {
	f.Add("github.push", "Ü 1", "text/plain")
	target, err := newTarget(bots.Bot{URL: "http://bot", Secrets: []string{secretOf("one")}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, kind, subject, contentType string) {
		e := &event.Event{ID: "id", Bot: "demo", Type: kind, Subject: subject, Time: time.Now(), ContentType: contentType}
		e.Normalize()
		for name, values := range target.header(t.Context(), e, 1, time.Now()) {
			for _, c := range []byte(values[0]) {
				require.False(t, c < ' ' || c == 0x7f, "%s: %q", name, values[0])
			}
		}
	})
}
