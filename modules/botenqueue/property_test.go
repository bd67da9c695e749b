package botenqueue

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/modules/internal/delivery"
)

// practice is what docs/explanation/identity.md says of a platform, in this test's own words.
type practice struct {
	platform string
	options  map[string]string
	// always is replay_by_body on.
	always bool
	// header has the key; without one it is in the body.
	header string
	// body has places for a key, a text, and whether it is a retry.
	body string
	// keySigned and suffices are about the key; bytes says that the same signed bytes are a repeat where
	// the key is not signed or not there.
	keySigned, suffices, bytes bool
}

// activity is one of the Bot Framework.
const activity = `{"type":"message","id":%[1]q,"text":%[2]q,"conversation":{"id":"c"}}`

var (
	byHeader  = map[string]string{"header": "X-Signature", "id_header": "X-Id"}
	byMember  = map[string]string{"header": "X-Signature", "id_member": "id"}
	practices = []practice{
		{platform: "github", header: "X-GitHub-Delivery", body: `{"text":%[2]q}`, bytes: true},
		{platform: "shopify", header: "X-Shopify-Webhook-Id", body: `{"text":%[2]q}`, bytes: true},
		{platform: "hmac", options: byHeader, header: "X-Id", body: `{"text":%[2]q}`},
		{platform: "hmac", options: byHeader, header: "X-Id", body: `{"text":%[2]q}`, always: true, bytes: true},
		{platform: "hmac", options: byMember, body: `{"id":%[1]q,"text":%[2]q}`, keySigned: true},
		{platform: "telegram", body: `{"update_id":%[1]q,"message":{"text":%[2]q}}`},
		{platform: "stripe", body: `{"id":%[1]q,"text":%[2]q}`, keySigned: true, suffices: true, bytes: true},
		{
			platform: "slack", body: `{"type":"event_callback","event_id":%[1]q,"event":{"type":"m","text":%[2]q}}`,
			keySigned: true, suffices: true, bytes: true,
		},
		{
			platform: "line", keySigned: true, bytes: true,
			body: `{"events":[{"type":"m","webhookEventId":%[1]q,"deliveryContext":{"isRedelivery":%[3]t},"text":%[2]q}]}`,
		},
		{platform: "standard-webhooks", header: "Svix-Id", body: `{"text":%[2]q}`, keySigned: true, suffices: true, bytes: true},
		{platform: "hook0", header: "X-Event-Id", body: `{"text":%[2]q}`, bytes: true},
		{platform: "discord", body: `{"type":2,"token":"t","id":%[1]q,"text":%[2]q}`, keySigned: true, suffices: true, bytes: true},
		{platform: "teams-outgoing", body: activity, keySigned: true, bytes: true},
		{platform: "botframework", options: map[string]string{"app_id": "a"}, body: activity},
		{
			platform: "google-chat", options: map[string]string{"audience": "1"},
			body: `{"type":"MESSAGE","eventTime":%[1]q,"message":{"text":%[2]q}}`,
		},
		{
			platform: "meta", keySigned: true, bytes: true,
			body: `{"entry":[{"id":"P","messaging":[{"sender":{"id":"U"},"message":{"mid":%[1]q,"text":%[2]q}}]}]}`,
		},
	}
)

// attempt is a signed request: a delivery of an account to a bot.
type attempt struct {
	practice
	bot, account, key, text string
	retry                   bool
}

func randomAttempt(p practice, run int) attempt {
	pick := func(of ...string) string { return of[rand.IntN(len(of))] }
	a := attempt{
		practice: p, bot: pick("demo", "demo", "other"), account: pick("a", "a", "b"), key: pick("k", "k", "l", ""),
		text: pick("x", "x", "y") + fmt.Sprint(run), retry: rand.IntN(2) == 0,
	}
	if a.key != "" {
		a.key += fmt.Sprint(run)
	}
	return a
}

func (a attempt) content() string { return fmt.Sprintf(a.body, a.key, a.text, a.retry) }

// same is what the page says.
func (a attempt) same(b attempt) bool {
	if a.bot != b.bot || a.account != b.account {
		return false
	}
	if a.key != "" && a.key == b.key && (a.suffices || a.text == b.text) {
		return true
	}
	unsigned := func(a attempt) bool { return a.key == "" || !a.keySigned }
	sameBytes := a.content() == b.content()
	return a.bytes && unsigned(a) && unsigned(b) && sameBytes
}

// send has the handler take the request as bot_signature hands it on, and returns the event's id.
func (a attempt) send(t *testing.T, h *Handler) string {
	t.Helper()
	p, err := platform.New(a.platform, a.options)
	require.NoError(t, err)
	body := []byte(a.content())
	req := &platform.Request{Method: http.MethodPost, Header: http.Header{}, Body: body}
	if a.header != "" {
		req.Header.Set(a.header, a.key)
	}
	brought, err := p.Read(req, body)
	require.NoError(t, err)
	d := &delivery.Delivery{Platform: a.platform, Accounts: []string{a.account}, Delivery: brought}
	d.Reply = nil // Then the answer has the id.
	if sealed, ok := p.(platform.Sealed); ok && d.Events[0].Key.RepeatsByBody(a.always) {
		sum := sha256.New()
		for _, part := range sealed.Signed(req) {
			sum.Write(part)
		}
		d.Signed = [][]byte{sum.Sum(nil)}
	} else {
		d.Signed = [][]byte{nil}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/v1/"+a.bot, nil)
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
	r.Body = http.NoBody
	delivery.Set(r, d)
	d.Events[0].Body = body
	require.NoError(t, h.ServeHTTP(w, r, nil))
	require.Equal(t, http.StatusAccepted, w.Code)
	var answer struct{ ID string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), w.Body)
	return answer.ID
}

// TestSameEventIffThePageSaysSo sends random pairs of signed requests and finds one id where
// docs/explanation/identity.md says that they are one event, and two where it does not.
func TestSameEventIffThePageSaysSo(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, _ *fakeApp, h *Handler) {
		h.Bot = "{http.request.uri.path.1}"
		seed := rand.Int()
		equal := 0
		for run := range 3000 {
			p := practices[run%len(practices)]
			a, b := randomAttempt(p, seed+run), randomAttempt(p, seed+run)
			one, other := a.send(t, h), b.send(t, h)
			require.Equal(t, a.same(b), one == other, "%+v and %+v", a, b)
			if one == other {
				equal++
			}
		}
		require.Greater(t, equal, 100)
	})
}

// TestSameCommandIffThePageSaysSo does the same for API clients, where nothing is remembered.
func TestSameCommandIffThePageSaysSo(t *testing.T) {
	t.Parallel()
	h := newHandler(&fakeApp{})
	pick := func(one, other string) string { return []string{one, one, other}[rand.IntN(3)] }
	type command struct{ bot, issuer, client, key, kind, user, body string }
	random := func() command {
		return command{
			pick("demo", "other"), pick("https://a", "https://b"), pick("alice", "bob"), pick("k", "l"),
			pick("command", "note"), pick("alice", "carol"), pick(`{"a":1}`, `{"a":2}`),
		}
	}
	send := func(c command) string {
		r := keyed(c.key, c.body)
		r.URL.Path = "/v1/bots/" + c.bot
		h.Type, h.User, h.Bot = c.kind, c.user, c.bot
		w := serve(t, h, r, map[string]string{placeholderAuthIssuer: c.issuer, placeholderAuthUser: c.client})
		require.Equal(t, http.StatusAccepted, w.Code)
		return w.Body.String()
	}
	for range 3000 {
		one, other := random(), random()
		require.Equal(t, one == other, send(one) == send(other), "%+v and %+v", one, other)
	}
}
