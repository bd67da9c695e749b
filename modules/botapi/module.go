// Package botapi is the handler bot_api: the way from the gateway to the backend's API.
package botapi

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/reload"
	"github.com/botgate/botgate/internal/requestid"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/modules/internal/order"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

// What is asked of upstreams where the configuration does not say otherwise.
const (
	// tryFor bridges the restart of an upstream: so long another one is looked for, or the same one tried.
	tryFor = 5 * time.Second
	// tryEvery is the pause between two tries.
	tryEvery = 250 * time.Millisecond
	// leaveFor is how long an upstream gets no requests after one failed, while there are others.
	leaveFor = 2 * time.Second
	// probeURI answers as long as the process of an upstream does anything: one whose database is
	// away still answers from its cache, and says so itself where it can't.
	probeURI     = "/healthz"
	probeEvery   = 5 * time.Second
	probeTimeout = 2 * time.Second
	probeFails   = 2
)

func init() {
	caddy.RegisterModule(&Handler{})
}

// Handler is reverse_proxy for the backend's API, with all of its options. Without upstreams it goes
// to where the app botgate_embedded listens. A request whose upstream can't be reached is tried again
// for 5 seconds, at another one if there is one; one that an upstream may have got already only where it
// is a GET. Of several upstreams, those that do not answer get no requests. Caddyfile: bot_api.
type Handler struct {
	reverseproxy.Handler

	// provisioned reports that there is something to clean up, which reverse_proxy takes for granted.
	provisioned bool
	// secret is what is shown to the backend; nil without one.
	secret *reload.Value[string]
}

// embedded is what the handler needs of the app botgate_embedded.
type embedded interface {
	// APIAddress returns the address to dial for its own API, and warns where the configured upstreams,
	// if there are any, can't be meant beside it.
	APIAddress(configured []string) string
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_api", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the upstreams and fills in what is asked of them.
func (h *Handler) Provision(ctx caddy.Context) error {
	if err := order.Verify(ctx); err != nil {
		return err
	}
	if h.DynamicUpstreamsRaw == nil {
		if err := h.findUpstreams(ctx); err != nil {
			return err
		}
	}
	h.setRetries()
	h.setRequestID()
	if len(h.Upstreams) > 1 {
		h.setHealthChecks()
	}
	// Before the rest, for reverse_proxy's health checks use the transport from there on.
	if err := h.openSecret(ctx); err != nil {
		return err
	}
	if err := h.setTransport(ctx); err != nil {
		return fmt.Errorf("bot_api: option transport: %w", err)
	}
	h.provisioned = true
	return h.Handler.Provision(ctx)
}

// Cleanup ends what was provisioned.
func (h *Handler) Cleanup() (err error) {
	if h.provisioned {
		err = h.Handler.Cleanup()
	}
	if h.secret != nil {
		err = errors.Join(err, h.secret.Close())
	}
	return err
}

// findUpstreams has the embedded backend say where the API is.
func (h *Handler) findUpstreams(ctx caddy.Context) error {
	configured := make([]string, len(h.Upstreams))
	for i, upstream := range h.Upstreams {
		configured[i] = upstream.Dial
	}
	app, err := ctx.AppIfConfigured("botgate_embedded")
	switch {
	case errors.Is(err, caddy.ErrNotConfigured) && len(configured) == 0:
		return errors.New("bot_api: without the app botgate_embedded an upstream is required, such as 127.0.0.1:8081")
	case errors.Is(err, caddy.ErrNotConfigured):
		return nil
	case err != nil:
		return fmt.Errorf("bot_api: %w", err)
	}
	own := app.(embedded).APIAddress(configured)
	if len(configured) == 0 {
		h.Upstreams = reverseproxy.UpstreamPool{{Dial: own}}
	}
	return nil
}

// setRequestID leaves the id of the request to the gateway: the backend answers the same.
func (h *Handler) setRequestID() {
	if h.Headers == nil {
		h.Headers = new(headers.Handler)
	}
	if h.Headers.Response == nil {
		h.Headers.Response = &headers.RespHeaderOps{HeaderOps: new(headers.HeaderOps)}
	}
	if h.Headers.Response.HeaderOps == nil {
		h.Headers.Response.HeaderOps = new(headers.HeaderOps)
	}
	h.Headers.Response.Delete = append(h.Headers.Response.Delete, requestid.Header)
}

// ServeHTTP has the backend know the request by its id, and by a span of the gateway's; neither is ever the caller's own
// word.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	r.Header.Set(requestid.Header, requestlog.ID(r))
	dropStrangersTrace(r)
	r, departure := withDeparture(r)
	err := h.Handler.ServeHTTP(w, r, next)
	if departure.left {
		panic(http.ErrAbortHandler) // Nobody may take a part for the whole.
	}
	return err
}

// dropStrangersTrace leaves the backend's decision what is sampled to the backend, where the gateway has no span: it
// takes the parent from whoever has its secret. A proxy that is trusted may name it.
func dropStrangersTrace(r *http.Request) {
	if trace.SpanContextFromContext(r.Context()).IsValid() || requestlog.FromTrustedProxy(r) {
		return
	}
	r.Header.Del(tracing.Header)
	r.Header.Del(tracing.StateHeader)
}

// setRetries has a request tried again. Caddy repeats those that may have reached an upstream
// only where they are GET.
func (h *Handler) setRetries() {
	if h.LoadBalancing == nil {
		h.LoadBalancing = new(reverseproxy.LoadBalancing)
	}
	if h.LoadBalancing.TryDuration == 0 && h.LoadBalancing.Retries == 0 {
		h.LoadBalancing.TryDuration = caddy.Duration(tryFor)
	}
	if h.LoadBalancing.TryInterval == 0 {
		h.LoadBalancing.TryInterval = caddy.Duration(tryEvery)
	}
}

// setHealthChecks is for several upstreams: where there is one, nothing else could get the requests.
func (h *Handler) setHealthChecks() {
	if h.HealthChecks == nil {
		h.HealthChecks = new(reverseproxy.HealthChecks)
	}
	if h.HealthChecks.Passive == nil {
		h.HealthChecks.Passive = &reverseproxy.PassiveHealthChecks{FailDuration: caddy.Duration(leaveFor)}
	}
	if h.HealthChecks.Active == nil {
		h.HealthChecks.Active = &reverseproxy.ActiveHealthChecks{
			URI: probeURI, Interval: caddy.Duration(probeEvery), Timeout: caddy.Duration(probeTimeout), Fails: probeFails,
		}
	}
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
