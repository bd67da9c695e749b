// Package botschema is the handler bot_schema: it lets requests pass whose body matches
// a JSON Schema, and tells the senders of others what to correct.
package botschema

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/modules/internal/metrics"
	"github.com/botgate/botgate/modules/internal/payload"
	"github.com/botgate/botgate/schemas"
)

func init() {
	caddy.RegisterModule(&Handler{})
}

// Handler checks the request's JSON body against one JSON Schema, which is compiled
// when the configuration is loaded: a schema that is missing or does not compile fails
// the load. The body can be read again by the handlers that follow.
//
// It answers 422 with up to ten errors, each with a JSON pointer, the keyword and a
// sentence that never repeats a value; 400 for a body that is empty or not JSON, 413
// for one above max_size and 415 for another content type than JSON or a form with the
// field "payload".
type Handler struct {
	// Schema is the schema's file: its path in Folder, or where that is not set the
	// name of a schema in the binary, such as command.v1.json or github.json. Required.
	Schema string `json:"schema,omitempty"`

	// Folder holds the schema and what it refers to; nothing outside of it is read.
	// Relative to the working directory. Default: the schemas in the binary.
	Folder string `json:"folder,omitempty"`

	// MaxSize is the largest body in bytes. Default: 1 MB.
	MaxSize int64 `json:"max_size,omitempty"`

	compiled *Schema
	logger   *slog.Logger
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_schema", New: func() caddy.Module { return new(Handler) }}
}

// Provision compiles the schema.
func (h *Handler) Provision(ctx caddy.Context) error {
	if h.MaxSize == 0 {
		h.MaxSize = payload.DefaultMaxSize
	}
	h.logger = ctx.Slogger()
	if h.Schema == "" {
		return errors.New("bot_schema: name the schema, for example command.v1.json")
	}
	var err error
	if h.compiled, err = h.compile(); err != nil {
		return fmt.Errorf("bot_schema: %w", err)
	}
	return metrics.Register(ctx.GetMetricsRegistry(), collectors...)
}

func (h *Handler) compile() (*Schema, error) {
	if h.Folder == "" {
		return Compile(schemas.FS, h.Schema)
	}
	// Unlike os.DirFS, a root does not follow links that lead out of the folder.
	root, err := os.OpenRoot(h.Folder)
	if err != nil {
		return nil, fmt.Errorf("option folder: %w", err)
	}
	schema, err := Compile(root.FS(), h.Schema)
	if err = errors.Join(err, root.Close()); err != nil {
		return nil, fmt.Errorf("folder %q: %w", h.Folder, err)
	}
	return schema, nil
}

// Validate checks the options.
func (h *Handler) Validate() error {
	if h.MaxSize < 0 {
		return errors.New("bot_schema: option max_size: must be positive")
	}
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
