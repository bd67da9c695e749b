package botenqueue

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/modules/internal/delivery"
	"github.com/botgate/botgate/modules/internal/payload"
)

// fromGitHub serves a request that GitHub signed.
func fromGitHub(t *testing.T, f *fakeApp, header http.Header) int {
	t.Helper()
	r := command(`{"zen":"x"}`)
	maps.Copy(r.Header, header)
	return serveAfter(t, newHandler(f), r, nil, func(r *http.Request) {
		body, err := payload.Of(r, nil, 0)
		require.NoError(t, err)
		_, err = body.Settle(platform.Bodies{JSON: true})
		require.NoError(t, err)
		events := []platform.Event{{Type: "github.ping"}, {Type: "github.ping", Body: []byte(`{}`)}}
		delivery.Set(r, &delivery.Delivery{Platform: "github", Delivery: platform.Delivery{Events: events}})
	}).Code
}

func TestForwardHeaders(t *testing.T) {
	t.Parallel()
	f := &fakeApp{forward: []string{"X-Hub-Signature-256", "X-Absent"}}
	header := http.Header{"X-Hub-Signature-256": {"sha256=ab"}, "Authorization": {"Bearer x"}, "Cookie": {"a=b"}}
	require.Equal(t, http.StatusAccepted, fromGitHub(t, f, header))
	require.Len(t, f.published, 2)
	for _, e := range f.published {
		require.Equal(t, event.Headers("X-Hub-Signature-256: sha256=ab\n"), e.Headers)
	}

	header.Set("X-Absent", strings.Repeat("x", event.MaxHeaders))
	require.Equal(t, http.StatusRequestEntityTooLarge, fromGitHub(t, f, header))
	require.Len(t, f.published, 2)
}

// TestForwardedHeadersAreOfPlatforms: what an API client sends is between it and the gateway.
func TestForwardedHeadersAreOfPlatforms(t *testing.T) {
	t.Parallel()
	f := &fakeApp{forward: []string{"Authorization", "X-Hub-Signature-256"}}
	r := command(`{"a":1}`)
	r.Header.Set("Authorization", "Bearer of-the-client")
	r.Header.Set("X-Hub-Signature-256", "x")
	require.Equal(t, http.StatusAccepted, serve(t, newHandler(f), r, client).Code)
	require.Empty(t, f.published[0].Headers)
}
