package platform_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// TestSignaturesForEveryHost: only what has the host in it can be for another one.
func TestSignaturesForEveryHost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		platform string
		settings map[string]string
		any      bool
	}{
		{"twilio", nil, true},
		{"twilio", map[string]string{"url": "https://bots.example.com"}, false},
		{"hmac", map[string]string{"header": "X", "signed": "{url}{body}"}, true},
		{"hmac", map[string]string{"header": "X", "signed": "{url}{body}", "url": "https://bots.example.com"}, false},
		{"hmac", map[string]string{"header": "X", "signed": "{path}\n{body}"}, false},
		{"hmac", map[string]string{"header": "X"}, false},
		{"github", nil, false},
	} {
		p, err := platform.New(tt.platform, tt.settings)
		require.NoError(t, err)
		require.Equal(t, tt.any, platform.CheckHost(p) != nil, "%s %v", tt.platform, tt.settings)
	}
}

// TestSecretsHaveASize: those that somebody chooses have 16 bytes; those that the platform makes may be
// shorter in tests, with a warning.
func TestSecretsHaveASize(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		platform, secret string
		settings         map[string]string
		warning, err     string
	}{
		{"github", strings.Repeat("k", 15), nil, "", "has 15 bytes, and at least 16"},
		{"github", strings.Repeat("k", 16), nil, "", ""},
		{"telegram", "token", nil, "", "has 5 bytes, and at least 16"},
		{"hmac", "acme", map[string]string{"header": "X"}, "", "has 4 bytes, and at least 16"},
		{"hmac", "0123456789abcdef", map[string]string{"header": "X", "secret_encoding": "hex"}, "", "has 8 bytes"},
		{"hmac", "0123456789abcde", map[string]string{"header": "X", "min_secret_size": "15"}, "", ""},
		{"hmac", "0123456789abcd", map[string]string{"header": "X", "min_secret_size": "15"}, "", "at least 15"},
		{"twilio", "12345", nil, "it has 5 bytes, and twilio makes longer ones", ""},
		{"slack", "k", nil, "", "has 1 bytes, and at least 3"},
		{"line", "k", nil, "", "at least 3"},
		{"meta", "k", nil, "", "at least 3"},
		{"shopify", "k", nil, "", "at least 3"},
		{"stripe", "k", nil, "", "at least 3"},
		{"hook0", "k", nil, "", "at least 3"},
		{"teams-outgoing", "aw==", nil, "", "has 1 bytes, and at least 3"},
		{"discord", strings.Repeat("ab", 32), nil, "", ""},
		{"standard-webhooks", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", nil, "", ""},
		{"botframework", `{"keys":[]}`, map[string]string{"app_id": "a"}, "", ""},
	} {
		p, err := platform.New(tt.platform, tt.settings)
		require.NoError(t, err)
		warning, err := platform.CheckSize(tt.platform, p, parse(t, p, tt.secret))
		for want, got := range map[string]error{tt.warning: warning, tt.err: err} {
			if want != "" {
				require.ErrorContains(t, got, want, "%s %s", tt.platform, tt.secret)
			}
		}
		require.Equal(t, tt.warning == "", warning == nil, "%s %s: %v", tt.platform, tt.secret, warning)
		require.Equal(t, tt.err == "", err == nil, "%s %s: %v", tt.platform, tt.secret, err)
	}
}

// TestOptionsRestrict: an option that comes out empty, or as a placeholder, is a mistake.
func TestOptionsRestrict(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ platform, option, value, want string }{
		{"botframework", "issuer", "", "option issuer: it is empty"},
		{"botframework", "app_id", "", "option app_id: it is empty"},
		{"botframework", "app_id", "$APP_ID", "option app_id: the placeholder $APP_ID"},
		{"google-chat", "audience", " ", "option audience: there is nothing but white space"},
		{"google-chat", "service_account", "{$ACCOUNT}", "option service_account: the placeholder {$ACCOUNT}"},
		{"meta", "verify_token", "", "option verify_token: it is empty"},
		{"hmac", "id_header", "{http.vars.id}", "option id_header: the placeholder"},
		{"hmac", "field", "", "option field: it is empty"},
		{"hmac", "min_secret_size", "2", "option min_secret_size: it is not a number of bytes from 3 to 16"},
		{"hmac", "min_secret_size", "some", "option min_secret_size"},
		{"twilio", "url", "", "option url: it is empty"},
	} {
		settings := map[string]string{"app_id": "a", "audience": "1"}
		switch tt.platform {
		case "hmac":
			settings = map[string]string{"header": "X"}
		case "meta", "twilio":
			settings = map[string]string{}
		case "google-chat":
			delete(settings, "app_id")
		default:
			delete(settings, "audience")
		}
		settings[tt.option] = tt.value
		_, err := platform.New(tt.platform, settings)
		require.ErrorContains(t, err, tt.want, tt.option)
	}
}

func TestOptionsHaveLimits(t *testing.T) {
	t.Parallel()
	timed := map[string]string{"header": "X", "timestamp_header": "T", "signed": "{timestamp}.{body}"}
	for tolerance, want := range map[string]string{"24h": "", "24h1s": "option tolerance: ", "876000h": "option tolerance: "} {
		timed["tolerance"] = tolerance
		p, err := platform.New("hmac", timed)
		require.NoError(t, err)
		requireError(t, platform.CheckOptions(p), want)
	}
	for token, want := range map[string]string{"a-token!": "", "a-token": "option verify_token: it has 7 bytes"} {
		p, err := platform.New("meta", map[string]string{"verify_token": token})
		require.NoError(t, err)
		requireError(t, platform.CheckOptions(p), want)
	}
	p, err := platform.New("github", nil)
	require.NoError(t, err)
	require.NoError(t, platform.CheckOptions(p))
}

func requireError(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorContains(t, err, want)
}
