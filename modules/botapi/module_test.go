package botapi

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/adapttest"
)

func TestAdapt(t *testing.T) { adapttest.Run(t) }

func init() { caddy.RegisterModule(&fakeEmbedded{}) }

// fakeEmbedded is a backend in this process.
type fakeEmbedded struct {
	Address string   `json:"address"`
	asked   []string // The upstreams that it was asked about last.
}

func (*fakeEmbedded) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "botgate_embedded", New: func() caddy.Module { return new(fakeEmbedded) }}
}
func (*fakeEmbedded) Start() error { return nil }
func (*fakeEmbedded) Stop() error  { return nil }

func (f *fakeEmbedded) APIAddress(upstreams []string) string {
	f.asked = upstreams
	return f.Address
}

// provision provisions a handler from its JSON, beside an embedded backend if there is an address.
func provision(t *testing.T, handler, address string) (*Handler, *fakeEmbedded, error) {
	t.Helper()
	apps := caddy.ModuleMap{}
	if address != "" {
		apps["botgate_embedded"] = json.RawMessage(`{"address": "` + address + `"}`)
	}
	ctx, err := caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}, AppsRaw: apps})
	require.NoError(t, err)
	h := new(Handler)
	require.NoError(t, json.Unmarshal([]byte(handler), h))
	if err := h.Provision(ctx); err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { require.NoError(t, h.Cleanup()) })
	if address == "" {
		return h, nil, nil
	}
	app, err := ctx.App("botgate_embedded")
	require.NoError(t, err)
	return h, app.(*fakeEmbedded), nil
}

func TestUpstreamIsWhereTheEmbeddedBackendListens(t *testing.T) {
	h, _, err := provision(t, `{}`, "127.0.0.1:9999")
	require.NoError(t, err)
	require.Len(t, h.Upstreams, 1)
	require.Equal(t, "127.0.0.1:9999", h.Upstreams[0].Dial)
	require.Nil(t, h.HealthChecks, "there is no other one")
}

func TestConfiguredUpstreamsStay(t *testing.T) {
	const configured = `{"upstreams": [{"dial": "10.0.0.8:8081"}]}`
	h, app, err := provision(t, configured, "127.0.0.1:9999")
	require.NoError(t, err)
	require.Len(t, h.Upstreams, 1)
	require.Equal(t, "10.0.0.8:8081", h.Upstreams[0].Dial)
	require.Equal(t, []string{"10.0.0.8:8081"}, app.asked, "the backend can warn")

	h, _, err = provision(t, configured, "")
	require.NoError(t, err)
	require.Len(t, h.Upstreams, 1)
}

func TestNoUpstreamIsAnError(t *testing.T) {
	_, _, err := provision(t, `{}`, "")
	require.ErrorContains(t, err, "an upstream is required")
	require.NoError(t, new(Handler).Cleanup(), "Caddy cleans up what could not be provisioned")
}

// TestOptionsOfReverseProxyGoBeforeTheDefaults sets what would be filled in.
func TestOptionsOfReverseProxyGoBeforeTheDefaults(t *testing.T) {
	h, _, err := provision(t, `{
		"upstreams": [{"dial": "127.0.0.1:1"}, {"dial": "127.0.0.1:2"}],
		"load_balancing": {"retries": 1}, "health_checks": {"passive": {"fail_duration": "1m"}}
	}`, "")
	require.NoError(t, err)
	require.Zero(t, h.LoadBalancing.TryDuration)
	require.Equal(t, caddy.Duration(time.Minute), h.HealthChecks.Passive.FailDuration)
	require.Equal(t, "/healthz", h.HealthChecks.Active.URI)
}

// ask sends a request through the handler.
func ask(t *testing.T, h *Handler, method string) (status int, err error) {
	t.Helper()
	w := httptest.NewRecorder()
	r := caddyhttp.PrepareRequest(httptest.NewRequest(method, "http://gateway/v1/events", nil), caddy.NewReplacer(), w, &caddyhttp.Server{})
	err = h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil }))
	return w.Code, err
}

// breaking is an upstream that ends the first connections after it read the request.
func breaking(t *testing.T, times int) (address string, requests chan string) {
	t.Helper()
	requests = make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requests <- r.Method
		if len(requests) <= times {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), requests
}

func TestOnlyWhatMayBeRepeatedIs(t *testing.T) {
	address, requests := breaking(t, 2)
	h, _, err := provision(t, `{"upstreams": [{"dial": "`+address+`"}]}`, "")
	require.NoError(t, err)
	status, err := ask(t, h, http.MethodGet)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Len(t, requests, 3)

	address, requests = breaking(t, 2)
	h, _, err = provision(t, `{"upstreams": [{"dial": "`+address+`"}]}`, "")
	require.NoError(t, err)
	_, err = ask(t, h, http.MethodPost)
	require.Error(t, err, "it may have been acted on")
	require.Len(t, requests, 1)
}

// TestUpstreamThatIsDownIsWaitedFor starts it while a request waits.
func TestUpstreamThatIsDownIsWaitedFor(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	h, _, err := provision(t, `{"upstreams": [{"dial": "`+address+`"}], "load_balancing": {"try_duration": "1m", "try_interval": "10ms"}}`, "")
	require.NoError(t, err)
	answered := make(chan int)
	go func() {
		status, _ := ask(t, h, http.MethodPost)
		answered <- status
	}()
	listener, err = net.Listen("tcp", address)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	require.NoError(t, server.Listener.Close())
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	require.Equal(t, http.StatusOK, <-answered)
}
