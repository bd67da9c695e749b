package platform_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// TestGoogleChatAccounts checks whose tokens for the endpoint are taken.
func TestGoogleChatAccounts(t *testing.T) {
	t.Parallel()
	const (
		chat     = "chat@system.gserviceaccount.com"
		addOn    = "service-123456789@gcp-sa-gsuiteaddons.iam.gserviceaccount.com"
		other    = "service-987654321@gcp-sa-gsuiteaddons.iam.gserviceaccount.com"
		stranger = "someone@example.com"
	)
	tests := map[string]struct {
		account, email string
		accepted       bool
	}{
		"Chat":                  {"", chat, true},
		"an add-on":             {"", addOn, true},
		"a person":              {"", stranger, false},
		"the account":           {addOn, addOn, true},
		"another project's":     {addOn, other, false},
		"Chat is not it":        {addOn, chat, false},
		"longer than an add-on": {"", "x" + addOn, false},
		"an add-on's domain":    {"", addOn + ".example.com", false},
		"no project":            {"", "service-@gcp-sa-gsuiteaddons.iam.gserviceaccount.com", false},
		"other service agents":  {"", "service-1@gcp-sa-gsuiteaddonsx.iam.gserviceaccount.com", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := map[string]string{"audience": googleEndpoint}
			if tt.account != "" {
				settings["service_account"] = tt.account
			}
			p, err := platform.New("google-chat", settings)
			require.NoError(t, err)
			s := sent{platform: "google-chat", body: []byte(`{}`), email: tt.email, at: time.Unix(1_700_000_000, 0)}
			req, _ := s.request(t)
			err = p.Verify(req, []platform.Secret{s.sign(t, p, req)})
			if tt.accepted {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, "email")
		})
	}
	_, err := platform.New("google-chat", map[string]string{"audience": "123", "service_account": addOn})
	require.ErrorContains(t, err, "option service_account")
}
