package botlimit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/limit"
)

func init() {
	caddy.RegisterModule(Admin{})
}

// Bounds of the admin endpoint.
const (
	defaultTopKeys  = 20
	maxTopKeys      = 1000
	maxResetRequest = 64 << 10
	resetTimeout    = 5 * time.Second
)

// Admin adds to Caddy's admin endpoint who is refused most, and the way to give a key its
// allowance back.
type Admin struct{}

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.botgate_limits", New: func() caddy.Module { return new(Admin) }}
}

// Routes implements [caddy.AdminRouter].
func (Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: "/botgate/limits/offenders", Handler: caddy.AdminHandlerFunc(serveTopKeys)},
		{Pattern: "/botgate/limits/reset", Handler: caddy.AdminHandlerFunc(serveReset)},
	}
}

func serveTopKeys(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		return refuse(http.StatusMethodNotAllowed, errors.New("use GET"))
	}
	n := defaultTopKeys
	if text := r.URL.Query().Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > maxTopKeys {
			return refuse(http.StatusBadRequest, fmt.Errorf("n must be a number from 1 to %d", maxTopKeys))
		}
	}
	list := []limit.TopKey{}
	limiters.Each(func(l *limit.Limiter) { list = append(list, l.TopKeys(n)...) })
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{"offenders": list[:min(n, len(list))]})
}

func serveReset(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, errors.New("use POST"))
	}
	var asked struct{ Zone, Key string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxResetRequest)).Decode(&asked); err != nil || asked.Zone == "" {
		return refuse(http.StatusBadRequest, errors.New(`want {"zone": "<name>", "key": "<key>"}`))
	}
	ctx, cancel := context.WithTimeout(r.Context(), resetTimeout)
	defer cancel()
	var errs error
	limiters.Each(func(l *limit.Limiter) { errs = errors.Join(errs, l.Reset(ctx, asked.Zone, asked.Key)) })
	if errs != nil {
		return refuse(http.StatusBadGateway, fmt.Errorf("the key is reset in this process, but redis did not take it: %w", errs))
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func refuse(status int, err error) error { return caddy.APIError{HTTPStatus: status, Err: err} }

// Interface guard.
var _ caddy.AdminRouter = Admin{}
