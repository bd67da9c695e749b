package botapi

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// setTransport puts a carrier around the transport that reverse_proxy would make. One that is not http is left to it.
func (h *Handler) setTransport(ctx caddy.Context) error {
	var configured struct {
		Protocol string `json:"protocol"`
	}
	if h.TransportRaw != nil {
		if err := json.Unmarshal(h.TransportRaw, &configured); err != nil {
			return err
		}
		if configured.Protocol != "http" {
			return h.leaveTransport()
		}
	}
	plain, err := h.openTransport(ctx)
	if err != nil {
		return err
	}
	around := &carrier{HTTPTransport: plain}
	if h.secret != nil {
		around.secret = h.secret.Get
	}
	h.Transport = around
	return nil
}

// leaveTransport refuses a transport that is not http where it would have to carry the secret.
func (h *Handler) leaveTransport() error {
	if h.secret != nil {
		return errors.New("only http carries the secret of api_secret_file")
	}
	return nil
}

// openTransport makes the transport that reverse_proxy would make.
func (h *Handler) openTransport(ctx caddy.Context) (*reverseproxy.HTTPTransport, error) {
	if h.TransportRaw == nil {
		plain := new(reverseproxy.HTTPTransport)
		return plain, plain.Provision(ctx)
	}
	loaded, err := ctx.LoadModule(&h.Handler, "TransportRaw")
	if err != nil {
		return nil, err
	}
	h.TransportRaw = nil // Or it would be loaded again.
	return loaded.(*reverseproxy.HTTPTransport), nil
}

// carrier sends the secret, if there is one, in the place of what the caller sent there, and ends the answers to callers
// who left. It does so behind whatever changes headers, and behind Caddy's log of requests to upstreams.
type carrier struct {
	*reverseproxy.HTTPTransport

	// secret is nil without one.
	secret func() string
}

// RoundTrip implements [http.RoundTripper].
func (c *carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	carried := r
	if c.secret != nil {
		carried = new(http.Request)
		*carried = *r
		carried.Header = r.Header.Clone()
		carried.Header.Set("Authorization", "Bearer "+c.secret())
	}
	response, err := c.HTTPTransport.RoundTrip(carried)
	return watch(r, response), err
}
