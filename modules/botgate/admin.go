package botgate

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/reload"
	"github.com/botgate/botgate/internal/retry"
)

func init() {
	caddy.RegisterModule(Admin{})
}

// What a request at the admin endpoint waits for the start, at most, and how often it looks.
const (
	contextTimeout = 10 * time.Second
	contextPoll    = 20 * time.Millisecond
)

// Admin adds to Caddy's admin endpoint the way to have all files looked at that the process follows.
type Admin struct{}

// Files is the answer of POST /botgate/files.
type Files struct {
	// Files says how each stands.
	Files []reload.Report `json:"files"`
	// Bots are those that events are accepted for.
	Bots []string `json:"bots"`
}

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.botgate_files", New: func() caddy.Module { return new(Admin) }}
}

// Routes implements [caddy.AdminRouter].
func (Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: "/botgate/files", Handler: caddy.AdminHandlerFunc(serveFiles)}}
}

func serveFiles(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: errors.New("use POST")}
	}
	active, err := activeContext(r.Context())
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
	}
	answer := Files{Files: reload.All(), Bots: []string{}}
	if app, err := active.AppIfConfigured("botgate"); err == nil {
		answer.Bots = append(answer.Bots, app.(*App).bots()...)
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(answer)
}

// activeContext waits until the first configuration is in use: the admin endpoint answers before that.
func activeContext(ctx context.Context) (caddy.Context, error) {
	ctx, cancel := context.WithTimeout(ctx, contextTimeout)
	defer cancel()
	for {
		if active := caddy.ActiveContext(); active.Context != nil {
			return active, nil
		}
		if !retry.Sleep(ctx, contextPoll) {
			return caddy.Context{}, errors.New("the gateway is starting: ask again")
		}
	}
}

// Interface guard.
var _ caddy.AdminRouter = Admin{}
