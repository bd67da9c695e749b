package platform_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
)

// sent is a request as a platform sends it, before it is signed.
type sent struct {
	platform string
	settings map[string]string
	headers  map[string]string
	// form says how the body is written: "json", "form", or "payload", a form with JSON in its field payload.
	form string
	// body is the JSON; of a form, an object with its fields.
	body json.RawMessage
	// email is the account in the token of Google Chat.
	email string
	at    time.Time
}

const googleEndpoint = "https://bots.example/hooks/demo/google-chat"

var sendSettings = map[string]map[string]string{
	"botframework": {"app_id": "app"},
	"google-chat":  {"audience": googleEndpoint},
	"github":       {"queue_ping": "on"},
}

// readSent signs the request as its platform does, verifies it, and reads it as the gateway does.
func readSent(t testing.TB, s sent) (platform.Delivery, []byte) {
	t.Helper()
	settings := s.settings
	if settings == nil {
		settings = sendSettings[s.platform]
	}
	p, err := platform.New(s.platform, settings)
	require.NoError(t, err)
	req, document := s.request(t)
	secret := s.sign(t, p, req)
	require.NoError(t, p.Verify(req, []platform.Secret{secret}))
	return deliver(t, p, req, document), req.Body
}

func (s sent) request(t testing.TB) (req *platform.Request, document []byte) {
	t.Helper()
	req = &platform.Request{
		Method: http.MethodPost, URL: "https://bots.example/hooks/demo/" + s.platform, Header: http.Header{}, Now: s.at,
	}
	for name, value := range s.headers {
		req.Header.Set(name, value)
	}
	switch s.form {
	case "form":
		fields, form := map[string]string{}, url.Values{}
		require.NoError(t, json.Unmarshal(s.body, &fields))
		for name, value := range fields {
			form.Set(name, value)
		}
		req.Body = []byte(form.Encode())
	case "payload":
		req.Body, document = []byte("payload="+url.QueryEscape(string(s.body))), s.body
	default:
		req.Header.Set("Content-Type", "application/json")
		req.Body, document = s.body, s.body
		return req, document
	}
	req.Header.Set("Content-Type", formType)
	return req, document
}

// sign adds the platform's signature and returns what verifies it.
func (s sent) sign(t testing.TB, p platform.Platform, req *platform.Request) platform.Secret {
	t.Helper()
	switch s.platform {
	case "discord":
		public, private := ed25519Key()
		at := fmt.Sprint(req.Now.Unix())
		req.Header.Set("X-Signature-Timestamp", at)
		req.Header.Set("X-Signature-Ed25519", hex.EncodeToString(ed25519.Sign(private, append([]byte(at), req.Body...))))
		return parse(t, p, hex.EncodeToString(public))
	case "twilio":
		signTwilio(req, req.URL)
		return parse(t, p, "token")
	case "google-chat", "botframework":
		req.Header.Set("Authorization", "Bearer "+s.token(t, req))
		return parse(t, p, rsaKeySet())
	}
	secret := parse(t, p, otherSecret(s.platform))
	for name, values := range p.(platform.Signer).Sign(secret, req, req.Header.Get("X-GitHub-Delivery")) {
		if name != "X-Github-Delivery" && name != "X-Shopify-Webhook-Id" {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	return secret
}

// signTwilio signs the form as Twilio would for that spelling of the address; JSON is in the address.
func signTwilio(req *platform.Request, address string) {
	mac := hmac.New(sha1.New, []byte("token"))
	mac.Write([]byte(address))
	form, _ := url.ParseQuery(string(req.Body))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		mac.Write([]byte(name + form.Get(name)))
	}
	req.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// token is that of a platform which signs no body.
func (s sent) token(t testing.TB, req *platform.Request) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": "https://accounts.google.com", "aud": googleEndpoint, "email_verified": true, "email": s.email,
		"exp": req.Now.Add(time.Hour).Unix(),
	}
	if s.email == "" {
		claims["email"] = "chat@system.gserviceaccount.com"
	}
	if s.platform == "botframework" {
		var body struct{ ServiceURL string }
		require.NoError(t, json.Unmarshal(s.body, &body))
		claims = jwt.MapClaims{
			"iss": "https://api.botframework.com", "aud": "app", "serviceurl": body.ServiceURL, "exp": claims["exp"],
		}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = "k"
	signed, err := token.SignedString(rsaKey())
	require.NoError(t, err)
	return signed
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

var ed25519Key = sync.OnceValues(func() (ed25519.PublicKey, ed25519.PrivateKey) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	return public, private
})

func rsaKeySet() string {
	key := rsaKey()
	n := base64.RawURLEncoding.EncodeToString(key.N.Bytes())
	e := base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())
	return fmt.Sprintf(`{"keys":[{"kty":"RSA","use":"sig","kid":"k","n":%q,"e":%q,"endorsements":["msteams","webchat"]}]}`, n, e)
}

// identities are the ids that the events of a request get; nothing makes one equal to another
// where the request does not name its delivery.
func identities(s sent, delivery platform.Delivery, body []byte) []string {
	ids := make([]string, len(delivery.Events))
	for n, e := range delivery.Events {
		own := e.Body
		if own == nil {
			own = body
		}
		if ids[n] = "unnamed"; e.Key.Value != "" {
			ids[n] = event.Identity{
				Bot: "demo", Sender: event.PlatformSender(s.platform, ""), Key: e.Key.Value, Content: e.Key.Content(own),
			}.ID(e.User)
		}
	}
	return ids
}
