package lockout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/botgate/botgate/modules/internal/security"
)

func init() {
	caddy.RegisterModule(Admin{})
}

// Bounds of the admin endpoint.
const (
	maxLiftRequest = 64 << 10
	liftTimeout    = 5 * time.Second
)

// Admin adds to Caddy's admin endpoint who is locked out, and the way to let them in again.
type Admin struct{}

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.botgate_lockouts", New: func() caddy.Module { return new(Admin) }}
}

// Routes implements [caddy.AdminRouter].
func (Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: "/botgate/lockouts", Handler: caddy.AdminHandlerFunc(serveList)},
		{Pattern: "/botgate/lockouts/lift", Handler: caddy.AdminHandlerFunc(serveLift)},
	}
}

func serveList(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		return refuse(http.StatusMethodNotAllowed, errors.New("use GET"))
	}
	list := []Lockout{}
	pool.Each(func(g *Guard) { list = append(list, g.Lockouts()...) })
	return answer(w, "lockouts", list)
}

func serveLift(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, errors.New("use POST"))
	}
	var asked struct {
		Who string
		All bool
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxLiftRequest)).Decode(&asked)
	if err != nil || (asked.Who == "") != asked.All {
		return refuse(http.StatusBadRequest, errors.New(`want {"who": "<address or client>"}, or {"all": true}`))
	}
	ctx, cancel := context.WithTimeout(r.Context(), liftTimeout)
	defer cancel()
	var lifted []Lockout
	var errs error
	pool.Each(func(g *Guard) {
		some, err := g.Lift(ctx, func(l Lockout) bool { return asked.All || l.is(asked.Who) })
		lifted, errs = append(lifted, some...), errors.Join(errs, err)
	})
	for _, l := range lifted {
		caddy.Log().Named(security.LoggerName).Warn("lockout lifted", zap.String("kind", l.Kind), zap.String("who", l.Who))
	}
	switch {
	case errs != nil:
		return refuse(http.StatusBadGateway, fmt.Errorf("%d lockouts are lifted on this gateway; others may not know: %w", len(lifted), errs))
	case len(lifted) == 0 && !asked.All:
		return refuse(http.StatusNotFound, fmt.Errorf("%q is not locked out", asked.Who))
	}
	return answer(w, "lifted", lifted)
}

// answer lists each lockout once, whatever number of handlers have it.
func answer(w http.ResponseWriter, name string, list []Lockout) error {
	slices.SortFunc(list, func(a, b Lockout) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Who, b.Who), b.Until.Compare(a.Until))
	})
	list = slices.CompactFunc(list, func(a, b Lockout) bool { return a.Kind == b.Kind && a.Who == b.Who })
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{name: list})
}

func refuse(status int, err error) error { return caddy.APIError{HTTPStatus: status, Err: err} }

// Interface guard.
var _ caddy.AdminRouter = Admin{}
