package store

import "context"

type freshKey struct{}

// Fresh returns a context whose reads see every commit that was confirmed before they
// began: they do not go to a replica.
func Fresh(ctx context.Context) context.Context { return context.WithValue(ctx, freshKey{}, true) }

// IsFresh reports whether ctx is one of [Fresh].
func IsFresh(ctx context.Context) bool { return ctx.Value(freshKey{}) != nil }
