package botsignature

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/restrict"
)

// senderVector is a request of one of the senders of docs/reference/platforms/hmac.md: one that the sender
// published with its secret and signature, or one that was made as its page or its own code says.
type senderVector struct {
	Name, Source, Secret, URL, Body string
	Headers                         map[string]string
	Now                             time.Time
	// What becomes of it.
	Type, User, Order, Key string
}

var (
	// senderSection is a sender's name and its lines of the Caddyfile.
	senderSection = regexp.MustCompile("(?s)\n### ([^\n]+)\n\n[^`]*```caddyfile\nimport hook hmac \\{\n\tbot_signature hmac \\{\n(.*?)\n\t\\}\n\\}\n```")
	secretLine    = regexp.MustCompile(`secret_file +\S+`)
)

// TestSendersOfThePage verifies each vector with the lines that the page has for its sender, behind a
// proxy that ends TLS and calls the gateway by another name.
func TestSendersOfThePage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/reference/platforms/hmac.md")
	require.NoError(t, err)
	lines := map[string]string{}
	for _, section := range senderSection.FindAllSubmatch(page, -1) {
		lines[string(section[1])] = string(section[2])
	}
	raw, err := os.ReadFile("testdata/senders.json")
	require.NoError(t, err)
	var vectors []senderVector
	require.NoError(t, json.Unmarshal(raw, &vectors))
	require.GreaterOrEqual(t, len(vectors), 12)
	for _, v := range vectors {
		require.Contains(t, lines, v.Name)
		own := lines[v.Name]
		delete(lines, v.Name)
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			v.requireVerified(t, own)
		})
	}
	require.Empty(t, lines, "each sender has a vector")
}

func (v senderVector) requireVerified(t *testing.T, lines string) {
	public, err := url.Parse(v.URL)
	require.NoError(t, err)
	lines = strings.ReplaceAll(lines, "https://bots.example.com", public.Scheme+"://"+public.Host)
	lines = secretLine.ReplaceAllLiteralString(lines, "secret_file "+writeFile(t, v.Secret))
	if len(v.Secret) < restrict.LeastSecret {
		lines += "\nmin_secret_size " + strconv.Itoa(len(v.Secret))
	}
	h := new(Handler)
	require.NoError(t, h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("bot_signature hmac {\n"+lines+"\n}")))
	load(t, h)
	h.now = func() time.Time { return v.Now }

	ask := func(body string) (*httptest.ResponseRecorder, passed) {
		r := httptest.NewRequest(http.MethodPost, public.RequestURI(), strings.NewReader(body))
		r.Host = "gateway:8080"
		r.Header.Set("Content-Type", "application/json")
		for name, value := range v.Headers {
			r.Header.Set(name, value)
		}
		return send(t, h, r)
	}
	w, next := ask(v.Body)
	require.True(t, next.reached, "%d", w.Code)
	for placeholder, want := range map[string]string{"type": v.Type, "user": v.User, "order_key": v.Order, "delivery_key": v.Key} {
		require.Equal(t, want, next.get("http.bot."+placeholder), placeholder)
	}
	w, next = ask(v.Body + " ")
	require.False(t, next.reached)
	require.Equal(t, http.StatusUnauthorized, w.Code)
}
