// Package botschema is the handler bot_schema: it lets requests pass whose body matches
// a JSON Schema, and tells the senders of others what to correct.
package botschema

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/reload"
	"github.com/botgate/botgate/modules/internal/jsondoc"
	"github.com/botgate/botgate/modules/internal/order"
	"github.com/botgate/botgate/modules/internal/placeholder"
	"github.com/botgate/botgate/modules/internal/requestlog"
	"github.com/botgate/botgate/modules/internal/schema"
	"github.com/botgate/botgate/modules/internal/security"
	"github.com/botgate/botgate/modules/internal/unverified"
	"github.com/botgate/botgate/schemas"
)

func init() {
	caddy.RegisterModule(&Handler{})
}

// Handler checks the request's JSON body against a JSON Schema. The schemas are compiled
// when the configuration is loaded: one that is missing or does not compile fails the
// load. Changed files are noticed within two seconds; requests under way keep the schema
// they began with, and files that don't compile leave the last good schemas in use.
//
// It answers 422 with errors that have a JSON pointer, the keyword and a sentence that
// never repeats a value; 400 for a body that is empty or not JSON, 413 for one above
// max_size and 415 for another content type than JSON or a form with the field "payload".
// The body can be read again by the handlers that follow, byte for byte.
type Handler struct {
	// Schema is the schema's file: its path in Folder, or where that is not set the
	// name of a schema in the binary, such as command.v1.json or github.json. With
	// #/pointer it is a part of the file, such as openapi.yaml#/components/schemas/Order.
	//
	// It may hold placeholders, {http.request.header.X-GitHub-Event} as well as
	// {payload.type}, which is a member of the document: then each request chooses
	// among the schemas that have such a name. Required.
	Schema string `json:"schema,omitempty"`

	// Folder holds the schemas and what they refer to; nothing outside of it is read.
	// Relative to the working directory. Default: the schemas in the binary.
	Folder string `json:"folder,omitempty"`

	// OnUnknown says what becomes of a request whose placeholders name no schema:
	// "reject" or "pass". Default: reject.
	OnUnknown string `json:"on_unknown,omitempty"`

	// Formats is "assert" to check "format" in all drafts. Default: as the draft says.
	Formats string `json:"formats,omitempty"`

	// MaxSize is the largest body in bytes, also once it is decompressed. Default: what a handler
	// before this one allowed, else 1 MB.
	MaxSize int64 `json:"max_size,omitempty"`

	// MaxDepth is how deep objects and arrays may be nested. Default: 64.
	MaxDepth int `json:"max_depth,omitempty"`

	// MaxMembers is how many members one object may have. Default: 1000.
	MaxMembers int `json:"max_members,omitempty"`

	// MaxItems is how many items one array may have. Default: 10000.
	MaxItems int `json:"max_items,omitempty"`

	// MaxNumber is how many characters a number may have. Default: 64.
	MaxNumber int `json:"max_number,omitempty"`

	// MaxErrors is how many violations are listed at most, up to 100. Default: 10.
	MaxErrors int `json:"max_errors,omitempty"`

	// ReportOnly counts and logs what would be refused, and lets it pass. Bodies that
	// are too large or can't be read are refused nevertheless.
	ReportOnly bool `json:"report_only,omitempty"`

	budget *unverified.Budget
	limits jsondoc.Limits
	set    *reload.Value[*schema.Set]
	logger *slog.Logger
	// security takes what is refused; it is not in the log, as callers may correct it.
	security *security.Log
	// interval is how often the files are looked at; the default unless a test sets it.
	interval time.Duration
}

// The values of OnUnknown and Formats.
const (
	unknownReject = "reject"
	unknownPass   = "pass"
	formatsAssert = "assert"
)

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_schema", New: func() caddy.Module { return new(Handler) }}
}

// Provision compiles the schemas.
func (h *Handler) Provision(ctx caddy.Context) error {
	if err := order.Verify(ctx); err != nil {
		return err
	}
	if h.MaxErrors == 0 {
		h.MaxErrors = schema.DefaultMaxErrors
	}
	if h.OnUnknown == "" {
		h.OnUnknown = unknownReject
	}
	h.limits = jsondoc.Limits{MaxDepth: h.MaxDepth, MaxMembers: h.MaxMembers, MaxItems: h.MaxItems, MaxNumber: h.MaxNumber}
	h.logger, h.security = requestlog.Logger(ctx), security.NewLog(ctx)
	if h.Schema == "" {
		return errors.New("bot_schema: name the schema, for example command.v1.json")
	}
	if err := errors.Join(h.expandName(), placeholder.ExpandAddress("folder", &h.Folder)); err != nil {
		return fmt.Errorf("bot_schema: %w", err)
	}
	if err := h.open(); err != nil {
		return fmt.Errorf("bot_schema: %w", err)
	}
	var err error
	if h.budget, err = unverified.Acquire(ctx); err != nil {
		return fmt.Errorf("bot_schema: %w", err)
	}
	return metric.Register(ctx.GetMetricsRegistry(), "bot_schema", collectors...)
}

// expandName replaces the placeholders of the file's name that are not of each request. A pointer into the
// file may have anything in it, such as $defs.
func (h *Handler) expandName() error {
	file, pointer, found := strings.Cut(h.Schema, "#")
	if err := placeholder.ExpandPattern("schema", &file, "payload"); err != nil {
		return err
	}
	if h.Schema = file; found {
		h.Schema += "#" + pointer
	}
	return nil
}

// open compiles the schemas and follows their files.
func (h *Handler) open() error {
	pattern, err := schema.ParsePattern(h.Schema)
	if err != nil {
		return fmt.Errorf("schema %q: %w", h.Schema, err)
	}
	options := schema.Options{Formats: h.Formats == formatsAssert}
	config := reload.Config[*schema.Set]{What: "schemas", Interval: h.interval, Logger: h.logger.With(slog.String("schema", h.Schema))}
	if h.Folder == "" {
		config.Load = func() (*schema.Set, error) { return schema.CompileSet(schemas.FS, pattern, options) }
	} else {
		config.Load = func() (*schema.Set, error) { return schema.CompileFolder(h.Folder, pattern, options) }
		config.List = func() []string { return schema.Files(h.Folder) }
	}
	h.set, err = reload.New(config)
	return err
}

// Validate checks the options.
func (h *Handler) Validate() error {
	if h.MaxSize < 0 {
		return errors.New("bot_schema: option max_size: must be positive")
	}
	if h.OnUnknown != unknownReject && h.OnUnknown != unknownPass {
		return errors.New("bot_schema: option on_unknown: there are reject and pass")
	}
	if h.Formats != "" && h.Formats != formatsAssert {
		return errors.New("bot_schema: option formats: there is only assert")
	}
	for _, count := range h.numbers() {
		if *count.value < 0 || *count.value > count.limit {
			return fmt.Errorf("bot_schema: option %s: must be from 1 to %d", count.name, count.limit)
		}
	}
	return nil
}

// Cleanup stops looking at the files.
func (h *Handler) Cleanup() error {
	err := h.budget.Release()
	if h.set == nil {
		return err
	}
	return errors.Join(err, h.set.Close())
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
