package botenqueue

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/modules/internal/delivery"
	"github.com/botgate/botgate/modules/internal/payload"
)

// TestFormsOfNobody are refused: a page of another origin could have a browser send one. Platforms send forms,
// and so may whoever sends to a block that says open.
func TestFormsOfNobody(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "Application/X-WWW-Form-URLEncoded"} {
		f := &fakeApp{}
		h := newHandler(f)
		r := command("command=/pay")
		r.Header.Set("Content-Type", contentType)
		require.Equal(t, http.StatusUnsupportedMediaType, serve(t, h, r, client).Code, contentType)
		require.Empty(t, f.published)

		h.Open = true
		r = command("command=/pay")
		r.Header.Set("Content-Type", contentType)
		require.Equal(t, http.StatusAccepted, serve(t, h, r, nil).Code, contentType)
	}
}

func TestFormsOfPlatforms(t *testing.T) {
	t.Parallel()
	f := &fakeApp{}
	r := command("command=/pay")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := serveAfter(t, newHandler(f), r, nil, func(r *http.Request) {
		body, err := payload.Of(r, nil, 0)
		require.NoError(t, err)
		_, err = body.Settle(platform.Bodies{Form: true})
		require.NoError(t, err)
		delivery.Set(r, &delivery.Delivery{Platform: "slack", Delivery: platform.Delivery{Events: []platform.Event{{Type: "slack.command"}}}})
	})
	require.Equal(t, http.StatusAccepted, w.Code)
	require.Len(t, f.published, 1)
}
