package platform_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// vector is one request of testdata/vectors.json; its reason is empty when it must pass.
type vector struct {
	ID       string            `json:"id"`
	Case     string            `json:"case"`
	Platform string            `json:"platform"`
	Secret   string            `json:"secret"`
	Headers  map[string]string `json:"headers"`
	Body     string            `json:"body"`
	Now      int64             `json:"now"`
	Reason   platform.Reason   `json:"reason"`
}

func (v vector) request() *platform.Request {
	header := http.Header{}
	for name, value := range v.Headers {
		header.Set(name, value)
	}
	return &platform.Request{
		Method: http.MethodPost, URL: "https://bots.example/hooks/demo/" + v.Platform,
		Header: header, Body: []byte(v.Body), Now: time.Unix(v.Now, 0),
	}
}

func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var all []vector
	require.NoError(t, json.Unmarshal(raw, &all))
	require.NotEmpty(t, all)
	return all
}

func get(t testing.TB, name string) platform.Platform {
	t.Helper()
	p, ok := platform.Get(name)
	require.True(t, ok, name)
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

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		t.Run(v.ID+" "+v.Case, func(t *testing.T) {
			t.Parallel()
			p := get(t, v.Platform)
			secret := parse(t, p, v.Secret)
			requireReason(t, v.Reason, p.Verify(v.request(), []platform.Secret{secret}))
		})
	}
}

// other is a secret that made none of the vectors, in a form every platform takes.
const other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

func TestSeveralSecrets(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		if v.Reason != "" {
			continue
		}
		p, req := get(t, v.Platform), v.request()
		right, wrong := parse(t, p, v.Secret), parse(t, p, other)
		require.NoError(t, p.Verify(req, []platform.Secret{wrong, right}), v.ID)
		require.NoError(t, p.Verify(req, []platform.Secret{right, wrong}), v.ID)
		require.ErrorIs(t, p.Verify(req, []platform.Secret{wrong}), platform.SignatureMismatch, v.ID)
	}
}

func TestNothingPassesWithoutSecret(t *testing.T) {
	t.Parallel()
	// An empty key makes a well-formed signature, and one that anybody can make.
	mac := hmac.New(sha256.New, nil)
	mac.Write([]byte("{}"))
	github := http.Header{}
	github.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))

	for name, headers := range map[string][]http.Header{
		"github":            {github, get(t, "github").Sign(platform.Secret{}, "msg_1", time.Unix(standardAt, 0), []byte("{}"))},
		"standard-webhooks": {standardRequest("msg_1", "1614265330", "v1,").Header},
	} {
		for _, header := range headers {
			req := &platform.Request{Header: header, Body: []byte("{}"), Now: time.Unix(standardAt, 0)}
			require.Error(t, get(t, name).Verify(req, nil), name)
			require.Error(t, get(t, name).Verify(req, []platform.Secret{{}}), name)
		}
	}
}

func TestSignThenVerify(t *testing.T) {
	t.Parallel()
	body, at := []byte(`{"a":1}`), time.Unix(1700000000, 0)
	for _, name := range platform.Names() {
		p := get(t, name)
		secret := parse(t, p, other)
		req := &platform.Request{Header: p.Sign(secret, "delivery-1", at, body), Body: body, Now: at}
		require.NoError(t, p.Verify(req, []platform.Secret{secret}), name)
		require.Equal(t, "delivery-1", p.Facts(req, body).DedupeID, name)

		req.Body = []byte(`{"a":2}`)
		require.ErrorIs(t, p.Verify(req, []platform.Secret{secret}), platform.SignatureMismatch, name)
	}
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"github", "standard-webhooks"}, platform.Names())
	for _, name := range platform.Names() {
		require.Equal(t, name, get(t, name).Name())
	}
	_, ok := platform.Get("GitHub")
	require.False(t, ok)
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
		"no prefix":        {"standard-webhooks", strings.TrimPrefix(other, "whsec_"), "whsec_<base64>"},
		"asymmetric key":   {"standard-webhooks", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", "whsec_<base64>"},
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
	require.ErrorAs(t, fmt.Errorf("wrapped: %w", platform.BadTimestamp), &reason)
	require.Equal(t, platform.BadTimestamp, reason)
	require.Equal(t, "bad_timestamp", reason.Error())
}
