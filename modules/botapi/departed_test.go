package botapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
)

// leaving is a client that leaves once it got something.
type leaving struct {
	*httptest.ResponseRecorder
	leave func()
}

func (l *leaving) Write(p []byte) (int, error) {
	defer l.leave()
	return l.ResponseRecorder.Write(p)
}

// TestStreamThatItsReaderCloses is broken off, and nothing that somebody has to look at; an upstream that breaks one off is.
func TestStreamThatItsReaderCloses(t *testing.T) {
	for name, want := range map[string]bool{"reader": false, "upstream": true} {
		left, leave := context.WithCancel(t.Context())
		upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = w.Write([]byte("data: 1\n\n"))
			_ = http.NewResponseController(w).Flush()
			if name == "upstream" {
				panic(http.ErrAbortHandler)
			}
			<-r.Context().Done()
		}))
		logged := filepath.Join(t.TempDir(), "log")
		ctx, err := caddy.ProvisionContext(&caddy.Config{
			Admin: &caddy.AdminConfig{Disabled: true},
			Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{
				WriterRaw: json.RawMessage(`{"output":"file","filename":"` + logged + `"}`),
			}}}},
		})
		require.NoError(t, err)
		h := new(Handler)
		require.NoError(t, json.Unmarshal([]byte(`{"upstreams":[{"dial":"`+upstream.Listener.Addr().String()+`"}]}`), h))
		require.NoError(t, h.Provision(ctx))
		w := &leaving{httptest.NewRecorder(), func() {}}
		if name == "reader" {
			w.leave = leave
		}
		r := httptest.NewRequestWithContext(left, http.MethodGet, "http://gateway/v1/events/stream", nil)
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, &caddyhttp.Server{})
		require.PanicsWithValue(t, http.ErrAbortHandler, func() { _ = h.ServeHTTP(w, r, nil) }, "nobody takes a part for the whole")
		require.Equal(t, "data: 1\n\n", w.Body.String())
		require.NoError(t, h.Cleanup())
		content, err := os.ReadFile(logged)
		require.NoError(t, err)
		if want {
			require.Contains(t, string(content), "incomplete response", name)
		} else {
			require.NotContains(t, string(content), "incomplete response", name)
		}
		leave()
		upstream.Close()
	}
}
