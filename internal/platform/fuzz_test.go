package platform_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// FuzzGitHub: nothing panics, and only the body's own signature passes.
func FuzzGitHub(f *testing.F) {
	p := get(f, "github")
	secret := parse(f, p, other)
	good := p.Sign(secret, "", time.Time{}, []byte("{}")).Get("X-Hub-Signature-256")
	f.Add(good, "push", []byte("{}"))
	f.Add("sha256=zz", "", []byte(`{"sender":{"id":1}`))
	f.Fuzz(func(t *testing.T, signature, event string, body []byte) {
		header := http.Header{}
		header.Set("X-Hub-Signature-256", signature)
		header.Set("X-GitHub-Event", event)
		req := &platform.Request{Header: header, Body: body}
		if p.Verify(req, []platform.Secret{secret}) == nil {
			want := p.Sign(secret, "", time.Time{}, body).Get("X-Hub-Signature-256")
			require.True(t, strings.EqualFold(want, signature))
		}
		require.NotEmpty(t, p.Facts(req, body).Type)
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
		require.NotEmpty(t, p.Facts(req, body).Type)
	})
}
