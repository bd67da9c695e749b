package platform_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

func TestGitHubRefuses(t *testing.T) {
	t.Parallel()
	const good = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	tests := map[string]struct {
		header string
		want   platform.Reason
	}{
		"good":                {"sha256=" + good, ""},
		"upper-case digits":   {"sha256=" + strings.ToUpper(good), ""},
		"empty":               {"", platform.HeaderMissing},
		"no scheme":           {good, badEncoding},
		"other scheme":        {"sha512=" + good, badEncoding},
		"upper-case scheme":   {"SHA256=" + good, badEncoding},
		"empty digits":        {"sha256=", badEncoding},
		"cut by one digit":    {"sha256=" + good[1:], badEncoding},
		"cut by two digits":   {"sha256=" + good[2:], platform.SignatureMismatch},
		"two digits too many": {"sha256=" + good + "00", platform.SignatureMismatch},
		"last digit differs":  {"sha256=" + good[:63] + "8", platform.SignatureMismatch},
	}
	p := get(t, "github")
	secret := parse(t, p, "It's a Secret to Everybody")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := &platform.Request{Header: http.Header{}, Body: []byte("Hello, World!")}
			req.Header.Set("X-Hub-Signature-256", tt.header)
			requireReason(t, tt.want, p.Verify(req, []platform.Secret{secret}))
		})
	}
}

func TestGitHubPing(t *testing.T) {
	t.Parallel()
	req := &platform.Request{Header: http.Header{}}
	req.Header.Set("X-GitHub-Event", "ping")
	delivery := deliver(t, get(t, "github"), req, []byte(`{"zen":"x"}`))
	require.Empty(t, delivery.Events)
	require.Equal(t, "200 text/plain; charset=utf-8 pong", show(delivery.Reply))
}

func TestGitHubRead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		event, document, want string
	}{
		"in a repository": {
			"push", `{"ref":"x","repository":{"id":186853002,"owner":{"id":7}},"sender":{"login":"o","id":21031067},"installation":{"id":5}}`,
			"github.push | 21031067 | 186853002 | d-1",
		},
		"of an installation": {
			"installation", `{"installation":{"account":{"id":1},"id":5},"sender":{"id":2},"organization":{"id":9}}`,
			"github.installation | 2 | 5 | d-1",
		},
		"of an organization": {
			"team_add", `{"organization":{"id":9}}`,
			"github.team_add |  | 9 | d-1",
		},
		"nobody and nowhere":     {"ping", `{"zen":"x"}`, "github.ping |  |  | d-1"},
		"null sender":            {"ping", `{"sender":null}`, "github.ping |  |  | d-1"},
		"ids of the wrong kind":  {"ping", `{"sender":{"id":{}},"repository":{"id":[1]}}`, "github.ping |  |  | d-1"},
		"no event header":        {"", `{}`, "github.event |  |  | d-1"},
		"not JSON":               {"push", `Hello, World!`, "github.push |  |  | d-1"},
		"nothing":                {"push", ``, "github.push |  |  | d-1"},
		"names only in a string": {"push", `{"text":"\"sender\":{\"id\":1}"}`, "github.push |  |  | d-1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			header.Set("X-GitHub-Event", tt.event)
			header.Set("X-GitHub-Delivery", "d-1")
			req := &platform.Request{Header: header}
			p, err := platform.New("github", map[string]string{"queue_ping": "on"})
			require.NoError(t, err)
			delivery := deliver(t, p, req, []byte(tt.document))
			require.Len(t, delivery.Events, 1)
			require.Equal(t, tt.want, facts(delivery.Events[0]))
			require.Nil(t, delivery.Reply)
		})
	}
}
