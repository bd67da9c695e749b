package platform_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// The reasons that only metrics and logs tell apart.
const (
	badEncoding             platform.Reason = "bad_encoding"
	unknownVersion          platform.Reason = "unknown_version"
	badTimestamp            platform.Reason = "bad_timestamp"
	timestampOutOfTolerance platform.Reason = "timestamp_out_of_tolerance"
	bodyHashMismatch        platform.Reason = "body_hash_mismatch"
)

// required are the settings without which a platform can't be made.
var required = map[string]map[string]string{
	"botframework": {"app_id": "app"},
	"google-chat":  {"audience": "1234567890"},
	"hmac":         {"header": "X-Signature"},
}

// deliver reads a request of which nothing is refused.
func deliver(t testing.TB, p platform.Platform, req *platform.Request, document []byte) platform.Delivery {
	t.Helper()
	delivery, err := p.Read(req, document)
	require.NoError(t, err)
	return delivery
}

func get(t testing.TB, name string) platform.Platform {
	t.Helper()
	p, err := platform.New(name, required[name])
	require.NoError(t, err)
	return p
}

func parse(t testing.TB, p platform.Platform, raw string) platform.Secret {
	t.Helper()
	secret, err := p.ParseSecret([]byte(raw))
	require.NoError(t, err)
	return secret
}

// requireReason compares the outcome of Verify; "" stands for success.
func requireReason(t testing.TB, want platform.Reason, err error) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorIs(t, err, want)
}

// other is a secret that made none of the vectors, in a form that most platforms take.
const other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

// otherSecret is one that the platform takes.
func otherSecret(name string) string {
	if name == "teams-outgoing" {
		return strings.TrimPrefix(other, "whsec_")
	}
	return other
}

func TestNothingPassesWithoutSecret(t *testing.T) {
	t.Parallel()
	// An empty key makes a well-formed signature, and one that anybody can make.
	mac := hmac.New(sha256.New, nil)
	mac.Write([]byte("{}"))
	header := http.Header{}
	header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	req := &platform.Request{Header: header, Body: []byte("{}")}
	require.Error(t, get(t, "github").Verify(req, nil))
	require.Error(t, get(t, "github").Verify(req, []platform.Secret{{}}))

	for _, name := range platform.Names() {
		p := get(t, name)
		signer, ok := p.(platform.Signer)
		if !ok {
			continue
		}
		req := signedRequest(signer, platform.Secret{}, `{}`)
		require.Error(t, p.Verify(req, nil), name)
		require.Error(t, p.Verify(req, []platform.Secret{{}}), name)
	}
}

// signedRequest is a request with that body as the platform would send it.
func signedRequest(signer platform.Signer, secret platform.Secret, body string) *platform.Request {
	req := &platform.Request{
		Method: http.MethodPost, URL: "https://bots.example/hooks/demo",
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   []byte(body), Now: time.Unix(1_700_000_000, 0),
	}
	for name, values := range signer.Sign(secret, req, "delivery-1") {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	return req
}

func TestSignThenVerify(t *testing.T) {
	t.Parallel()
	for _, name := range platform.Names() {
		p := get(t, name)
		signer, ok := p.(platform.Signer)
		if !ok {
			continue
		}
		secret := parse(t, p, otherSecret(name))
		req := signedRequest(signer, secret, `{"a":1}`)
		require.NoError(t, p.Verify(req, []platform.Secret{secret}), name)
		if name == "telegram" {
			continue // Its secret says who sent the body, and nothing about what is in it.
		}
		req.Body = []byte(`{"a":2}`)
		require.ErrorIs(t, p.Verify(req, []platform.Secret{secret}), platform.SignatureMismatch, name)
	}
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	for _, name := range platform.Names() {
		_, err := platform.New(name, map[string]string{"colour": "red"})
		require.ErrorContains(t, err, `"colour"`, name)
	}
	_, err := platform.New("GitHub", nil)
	require.ErrorContains(t, err, "unknown platform")
	require.ErrorContains(t, err, "standard-webhooks")
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	const plain = "a very private text"
	secret := parse(t, get(t, "github"), plain)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.Equal(t, "[secret]", fmt.Sprintf(verb, secret))
	}
}

func TestParseSecretErrorsDoNotRepeatTheSecret(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ platform, secret, want string }{
		"empty":            {"github", "", "empty"},
		"empty standard":   {"standard-webhooks", "", "empty"},
		"other prefix":     {"standard-webhooks", "whsk_" + strings.TrimPrefix(other, "whsec_"), "whsec_<base64>"},
		"short public key": {"standard-webhooks", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbO", "32 bytes"},
		"not base64":       {"standard-webhooks", "whsec_***", "base64"},
		"short by a byte":  {"standard-webhooks", "whsec_" + strings.Repeat("A", 30) + "A=", "24 to 64"},
		"longer than most": {"standard-webhooks", "whsec_" + strings.Repeat("A", 86) + "AA", "24 to 64"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := get(t, tt.platform).ParseSecret([]byte(tt.secret))
			require.ErrorContains(t, err, tt.want)
			if len(tt.secret) > 0 {
				require.NotContains(t, err.Error(), strings.TrimPrefix(tt.secret, "whsec_"))
			}
		})
	}
}

func TestReasonIsAnError(t *testing.T) {
	t.Parallel()
	var reason platform.Reason
	require.ErrorAs(t, fmt.Errorf("wrapped: %w", badTimestamp), &reason)
	require.Equal(t, badTimestamp, reason)
	require.Equal(t, "bad_timestamp", reason.Error())
}
