package botcache

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

func init() {
	caddy.RegisterModule(Admin{})
}

// maxPurge bounds a request to the admin endpoint, in bytes.
const maxPurge = 64 << 10

// Admin adds to Caddy's admin endpoint the way to purge what bot_cache keeps.
type Admin struct{}

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.botgate_cache", New: func() caddy.Module { return new(Admin) }}
}

// Routes implements [caddy.AdminRouter].
func (Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: "/botgate/cache/purge", Handler: caddy.AdminHandlerFunc(servePurge)}}
}

// servePurge forgets what is kept of a path, on all handlers of this gateway.
func servePurge(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: errors.New("use POST")}
	}
	var asked struct{ Host, Path string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPurge)).Decode(&asked)
	if err != nil || !strings.HasPrefix(asked.Path, "/") {
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: errors.New(
			`want {"path": "/a/path"} or {"path": "/below/*"}, and "host" for one alone`)}
	}
	purged := 0
	live.Each(func(all *answers) { purged += all.purge(asked.Host, asked.Path) })
	caddy.Log().Named("http.handlers.bot_cache").Info("kept answers purged", zap.Int("purged", purged))
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]int{"purged": purged})
}

// Interface guard.
var _ caddy.AdminRouter = Admin{}
