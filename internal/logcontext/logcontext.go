// Package logcontext has records say what the context knows that they are logged with, such as the id of the request
// that is worked on: nobody need hand it through.
package logcontext

import (
	"context"
	"log/slog"
	"slices"
)

// Source returns what a record says of its context; nil for nothing.
type Source func(context.Context) []slog.Attr

type key struct{}

// With returns a context whose records have the attributes, beside those of the contexts above it.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	return context.WithValue(ctx, key{}, append(slices.Clip(of(ctx)), attrs...))
}

// of is the [Source] of what [With] has put into the context.
func of(ctx context.Context) []slog.Attr {
	attrs, _ := ctx.Value(key{}).([]slog.Attr)
	return attrs
}

// Logger returns a logger that writes to another one what the contexts of records know: by [With], and by the
// sources.
func Logger(to *slog.Logger, sources ...Source) *slog.Logger {
	return slog.New(&handler{to.Handler(), append([]Source{of}, sources...)})
}

type handler struct {
	slog.Handler
	sources []Source
}

// Handle implements [slog.Handler].
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	copied := false
	for _, source := range h.sources {
		attrs := source(ctx)
		if len(attrs) == 0 {
			continue
		}
		if !copied {
			r, copied = r.Clone(), true
		}
		r.AddAttrs(attrs...)
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.Handler.WithAttrs(attrs), h.sources}
}

// WithGroup implements [slog.Handler]. What the context knows is in the group, too.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.Handler.WithGroup(name), h.sources}
}
