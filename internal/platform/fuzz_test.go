package platform_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// requireEvents checks what holds of all events, whatever their platform sent: a type, bodies that are
// bounded together, and a key that has a rule.
func requireEvents(t *testing.T, p platform.Platform, req *platform.Request, document []byte) {
	t.Helper()
	delivery, err := p.Read(req, document)
	if err != nil {
		require.Empty(t, delivery.Events)
		return
	}
	size := 0
	for _, event := range delivery.Events {
		require.NotEmpty(t, event.Type)
		if event.Key.Value != "" {
			require.NotEmpty(t, event.Key.Rule.Member)
		}
		size += len(event.Body)
		require.True(t, event.Body == nil || !json.Valid(document) || json.Valid(event.Body), "a part is a request of its own")
	}
	require.LessOrEqual(t, len(delivery.Events), 1000)
	require.LessOrEqual(t, size, 4_000_000)
	require.True(t, len(delivery.Events) > 0 || delivery.Reply != nil, "what brings no event is answered")
}

// FuzzGitHub: nothing panics, and only the body's own signature passes.
func FuzzGitHub(f *testing.F) {
	p := get(f, "github")
	secret := parse(f, p, other)
	sign := func(body []byte) string {
		return p.(platform.Signer).Sign(secret, &platform.Request{Body: body}, "").Get("X-Hub-Signature-256")
	}
	f.Add(sign([]byte("{}")), "push", []byte("{}"))
	f.Add("sha256=zz", "", []byte(`{"sender":{"id":1}`))
	f.Fuzz(func(t *testing.T, signature, event string, body []byte) {
		header := http.Header{}
		header.Set("X-Hub-Signature-256", signature)
		header.Set("X-GitHub-Event", event)
		req := &platform.Request{Header: header, Body: body}
		if p.Verify(req, []platform.Secret{secret}) == nil {
			require.True(t, strings.EqualFold(sign(body), signature))
		}
		requireEvents(t, p, req, body)
	})
}

// FuzzStandardWebhooks: nothing panics, and what passes carries the right signature.
func FuzzStandardWebhooks(f *testing.F) {
	p := get(f, "standard-webhooks")
	secret := parse(f, p, standardSecret)
	f.Add("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", standardGood, []byte(`{"test": 2432232314}`))
	f.Add("a.1", "-1", "v1,= v1a,x", []byte(`{"type":"\u00`))
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		req := standardRequest(id, timestamp, signature)
		req.Body = body
		if p.Verify(req, []platform.Secret{secret}) == nil {
			require.NotEmpty(t, id)
			require.Contains(t, signature, "v1,")
		}
		requireEvents(t, p, req, body)
	})
}

// FuzzEveryPlatform: nothing panics, nothing passes without a secret, and every event can
// be queued, whatever headers and body hold.
func FuzzEveryPlatform(f *testing.F) {
	for _, tt := range readCases {
		f.Add(tt.platform, "v0=00,v1=00", "1700000000", tt.header["Content-Type"], []byte(tt.body))
	}
	f.Add("meta", "sha256=00", "", "", []byte(whatsapp(message1+","+message2, status1)))
	f.Add("line", "x", "", "", []byte(`{"events":[`+strings.Repeat(`{},`, 1000)+`{}]}`))
	f.Add("twilio", "x", "", "", []byte(`[{"type":"a"},{"type":"b","data":{"x":[1,2`))
	for name, cases := range documentedCases(f) {
		for _, d := range cases {
			req := d.request(f, name)
			f.Add(name, "x", "1700000000", req.Header.Get("Content-Type"), req.Body)
		}
	}
	for _, v := range vectors(f) {
		f.Add(v.Platform, v.Headers["Authorization"], v.Headers["X-Slack-Request-Timestamp"], "", []byte(v.Body))
	}
	f.Fuzz(func(t *testing.T, name, signature, timestamp, contentType string, body []byte) {
		p, err := platform.New(name, required[name])
		if err != nil {
			return
		}
		req := &platform.Request{Method: http.MethodPost, URL: "https://bots.example/?bodySHA256=0", Header: http.Header{}, Body: body, Now: time.Unix(1_700_000_000, 0)}
		for _, header := range signatureHeaders {
			req.Header.Set(header, signature)
		}
		for _, header := range timestampHeaders {
			req.Header.Set(header, timestamp)
		}
		req.Header.Set("Content-Type", contentType)
		require.Error(t, p.Verify(req, nil))
		require.Error(t, p.Verify(req, []platform.Secret{{}}))
		requireEvents(t, p, req, body)
		requireEvents(t, p, req, nil)
		if prober, ok := p.(platform.Prober); ok {
			prober.Probe(req)
		}
	})
}

var (
	signatureHeaders = []string{
		"Authorization", "Stripe-Signature", "Webhook-Id", "Webhook-Signature", "X-Hook0-Signature", "X-Hub-Signature-256", "X-Line-Signature",
		"X-Shopify-Hmac-Sha256", "X-Signature", "X-Signature-Ed25519", "X-Slack-Signature", "X-Telegram-Bot-Api-Secret-Token", "X-Twilio-Signature",
	}
	timestampHeaders = []string{"Webhook-Timestamp", "X-Signature-Timestamp", "X-Slack-Request-Timestamp"}
)
