package store

import "context"

type freshKey struct{}

// Fresh returns a context whose reads see every commit that was confirmed before they began: they
// go to the primary.
func Fresh(ctx context.Context) context.Context { return context.WithValue(ctx, freshKey{}, true) }

// IsFresh reports whether ctx is one of [Fresh].
func IsFresh(ctx context.Context) bool { return ctx.Value(freshKey{}) != nil }
