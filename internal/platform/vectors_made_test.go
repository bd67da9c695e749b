package platform_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// TestMadeVectors has requests that testdata/signature_vectors.json has not. Their signatures are made
// here, by the description of each scheme.
func TestMadeVectors(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	hexMAC := func(secret, text string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(text))
		return hex.EncodeToString(mac.Sum(nil))
	}
	body := "{\"a\":\"\xff\"}"
	good := hexMAC("s3cret-s3cret-s3", body)
	slack := hexMAC("s3cret-s3cret-s3", "v0:1700000000:"+body)
	stripe := hexMAC("s3cret-s3cret-s3", "1700000000."+body)
	bare := hexMAC("s3cret-s3cret-s3", "")
	for name, tt := range map[string]struct {
		platform string
		header   http.Header
		body     string
		want     platform.Reason
	}{
		"github body that is not UTF-8":    {"github", http.Header{"X-Hub-Signature-256": {"sha256=" + good}}, body, ""},
		"github upper-case digits":         {"github", http.Header{"X-Hub-Signature-256": {"sha256=" + strings.ToUpper(good)}}, body, ""},
		"github empty body":                {"github", http.Header{"X-Hub-Signature-256": {"sha256=" + bare}}, "", ""},
		"github digest cut short":          {"github", http.Header{"X-Hub-Signature-256": {"sha256=012345"}}, body, platform.SignatureMismatch},
		"github second of two headers":     {"github", http.Header{"X-Hub-Signature-256": {"sha256=" + bare, "sha256=" + good}}, body, ""},
		"github digits with spaces inside": {"github", http.Header{"X-Hub-Signature-256": {"sha256= " + good}}, body, badEncoding},
		"slack other version":              {"slack", http.Header{"X-Slack-Signature": {"v1=" + slack}, "X-Slack-Request-Timestamp": {"1700000000"}}, body, unknownVersion},
		"slack without version":            {"slack", http.Header{"X-Slack-Signature": {slack}, "X-Slack-Request-Timestamp": {"1700000000"}}, body, badEncoding},
		"slack time in milliseconds":       {"slack", http.Header{"X-Slack-Signature": {"v0=" + slack}, "X-Slack-Request-Timestamp": {"1700000000000"}}, body, timestampOutOfTolerance},
		"slack time with a sign":           {"slack", http.Header{"X-Slack-Signature": {"v0=" + slack}, "X-Slack-Request-Timestamp": {"+1700000000"}}, body, badTimestamp},
		"slack time with zeros":            {"slack", http.Header{"X-Slack-Signature": {"v0=" + slack}, "X-Slack-Request-Timestamp": {"01700000000"}}, body, badTimestamp},
		"slack":                            {"slack", http.Header{"X-Slack-Signature": {"v0=" + slack}, "X-Slack-Request-Timestamp": {"1700000000"}}, body, ""},
		"stripe rotated secret":            {"stripe", http.Header{"Stripe-Signature": {"t=1700000000,v1=" + bare + ",v1=" + stripe}}, body, ""},
		"stripe blanks after commas":       {"stripe", http.Header{"Stripe-Signature": {"t=1700000000, v1=" + stripe}}, body, ""},
		"stripe only the test version":     {"stripe", http.Header{"Stripe-Signature": {"t=1700000000,v0=" + stripe}}, body, unknownVersion},
		"stripe time given twice":          {"stripe", http.Header{"Stripe-Signature": {"t=1,t=1700000000,v1=" + stripe}}, body, timestampOutOfTolerance},
		"stripe empty header":              {"stripe", http.Header{"Stripe-Signature": {""}}, body, platform.HeaderMissing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := get(t, tt.platform)
			req := &platform.Request{Method: http.MethodPost, Header: tt.header, Body: []byte(tt.body), Now: now}
			requireReason(t, tt.want, p.Verify(req, []platform.Secret{parse(t, p, "s3cret-s3cret-s3")}))
		})
	}
}

// TestTwilioBodyHash: where the address has the body's hash, it is checked whatever the type says.
func TestTwilioBodyHash(t *testing.T) {
	t.Parallel()
	p := get(t, "twilio")
	secrets := []platform.Secret{parse(t, p, "12345")}
	body := `{"a":1}`
	sum := sha256.Sum256([]byte(body))
	address := "https://bots.example/hooks/demo/twilio?bodySHA256=" + hex.EncodeToString(sum[:])
	mac := hmac.New(sha1.New, []byte("12345"))
	mac.Write([]byte(address))
	signature := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, tt := range []struct {
		contentType, body string
		want              platform.Reason
	}{
		{"application/json", body, ""},
		{formType, body, ""},
		{formType, "", bodyHashMismatch},
		{formType, "=&=&&=", bodyHashMismatch},
		{"application/json", `{"a":2}`, bodyHashMismatch},
	} {
		req := &platform.Request{Method: http.MethodPost, URL: address, Body: []byte(tt.body), Header: http.Header{
			"X-Twilio-Signature": {signature}, "Content-Type": {tt.contentType},
		}}
		requireReason(t, tt.want, p.Verify(req, secrets))
		require.ErrorIs(t, p.Verify(req, nil), platform.SignatureMismatch, "what is asked before the body is read")
	}
}

// TestHook0IsNotDowngraded: who takes v1 out of the header has a v0 that is right, and nothing from the
// headers is believed then.
func TestHook0IsNotDowngraded(t *testing.T) {
	t.Parallel()
	var strong vector
	for _, v := range vectors(t) {
		if v.ID == "hook0-outbound-01" {
			strong = v
		}
	}
	req, secret := strong.request(), strong.secret(t)
	req.Header.Set("X-Event-Type", "user.deleted")
	p := strong.platform(t)
	require.NoError(t, p.Verify(req, []platform.Secret{secret}))
	require.Equal(t, "hook0.user.created", deliver(t, p, req, req.Body).Events[0].Type)
	require.False(t, deliver(t, p, req, req.Body).Events[0].Key.Rule.Signed)

	strict, err := platform.New("hook0", map[string]string{"least_version": "v1"})
	require.NoError(t, err)
	require.ErrorIs(t, strict.Verify(req, []platform.Secret{secret}), unknownVersion)
	req.Header.Del("X-Hook0-Signature")
	require.ErrorIs(t, strict.Verify(req, []platform.Secret{secret}), platform.HeaderMissing)
	_, err = platform.New("hook0", map[string]string{"least_version": "v2"})
	require.ErrorContains(t, err, "option least_version")
}
