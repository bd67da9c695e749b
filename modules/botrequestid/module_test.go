package botrequestid

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/requestid"
	"github.com/botgate/botgate/modules/internal/adapttest"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

func TestAdapt(t *testing.T) { adapttest.Run(t) }

func TestWhoChoosesTheID(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		given   string
		trusted bool
		taken   bool
	}{
		"a trusted proxy's":            {"ray-0123456789", true, true},
		"a trusted proxy's, not valid": {"ray 0123456789", true, false},
		"a trusted proxy's, too short": {"ray-012", true, false},
		"a stranger's":                 {"ray-0123456789", false, false},
		"nobody's":                     {"", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set(requestid.Header, tc.given)
			r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
			caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, tc.trusted)
			next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
			require.NoError(t, new(Handler).ServeHTTP(w, r, next))
			answered := w.Header().Values(requestid.Header)
			require.Len(t, answered, 1)
			require.True(t, requestid.Valid(answered[0]))
			require.Equal(t, tc.taken, answered[0] == tc.given)
			require.Equal(t, answered, r.Header.Values(requestid.Header), "for whoever the request is passed on to")
			require.Equal(t, answered[0], requestlog.ID(r))
		})
	}
}
