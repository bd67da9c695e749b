package botjwt

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/revocation"
)

func init() {
	caddy.RegisterModule(Admin{})
}

// Bounds of the admin endpoint.
const (
	maxRevocation = 64 << 10
	revokeTimeout = 5 * time.Second
)

// Admin adds to Caddy's admin endpoint the way to end tokens wherever this gateway looks for revocations.
type Admin struct{}

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.botgate_revocations", New: func() caddy.Module { return new(Admin) }}
}

// Routes implements [caddy.AdminRouter].
func (Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: "/botgate/revocations", Handler: caddy.AdminHandlerFunc(serveRevoke)}}
}

// serveRevoke adds a [revocation.Entry] and answers with the places that have it. It succeeds only where all
// places have it, and there is one.
func serveRevoke(w http.ResponseWriter, r *http.Request) error {
	refuse := func(status int, err error) error { return caddy.APIError{HTTPStatus: status, Err: err} }
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, errors.New("use POST"))
	}
	var entry revocation.Entry
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRevocation)).Decode(&entry); err != nil {
		return refuse(http.StatusBadRequest, errors.New(`want {"jti": "<id>", "until": "<time>"}, or "sub" and "before" for "jti"`))
	}
	ctx, cancel := context.WithTimeout(r.Context(), revokeTimeout)
	defer cancel()
	var places []string
	var errs error
	copies.Each(func(c *revocation.Copy) {
		place, err := c.Revoke(ctx, entry)
		places, errs = append(places, place), errors.Join(errs, err)
	})
	switch {
	case errs != nil:
		return refuse(http.StatusBadGateway, errs)
	case len(places) == 0:
		return refuse(http.StatusConflict, errors.New("no bot_jwt of this gateway has the option revocation"))
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{"places": places})
}

// Interface guard.
var _ caddy.AdminRouter = Admin{}
