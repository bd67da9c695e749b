package botenqueue

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/idempotency"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/modules/internal/ahead"
	"github.com/botgate/botgate/modules/internal/delivery"
)

// varReserved is where the claim is that was asked for before the request came here.
const varReserved = "botgate_reserved"

// maxAhead is the largest body, in bytes, that is read before it is known whether the request is over a limit.
const maxAhead = 64 << 10

// Ask implements [ahead.Asker]: it claims the key of an API client. Its request may be refused yet, and then
// [Handler.Forgo] gives the key free.
func (h *Handler) Ask(r *http.Request) *redisclient.Call {
	if h.store == nil || r.Header.Get(idempotency.Header) == "" || !verified(r) || delivery.Of(r) != nil ||
		r.ContentLength < 0 || r.ContentLength > maxAhead || r.Header.Get("Content-Encoding") != "" {
		return nil
	}
	bot, body, refusal := h.receive(r)
	if refusal != nil {
		return nil // It is refused in its turn.
	}
	content, err := body.Content()
	if err != nil {
		return nil
	}
	e := h.draft(r, r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer), bot, platform.Event{})
	e.Data = content
	of, refusal := commanded(e, r)
	if refusal != nil {
		return nil
	}
	key, print := claimed(of)
	reserved := h.store.Reserve(h.terms, key, print) //nolint:contextcheck // Its call ends with it.
	if reserved == nil {
		return nil
	}
	caddyhttp.SetVar(r.Context(), varReserved, reserved)
	return reserved.Call()
}

// Forgo implements [ahead.Asker].
func (h *Handler) Forgo(r *http.Request) {
	if reserved := takeReserved(r.Context()); reserved != nil {
		h.store.Withdraw(r.Context(), reserved)
	}
}

// claim claims a key, or finds what was claimed ahead.
func (h *Handler) claim(ctx context.Context, of event.Identity) idempotency.Claim {
	key, print := claimed(of)
	reserved := takeReserved(ctx)
	if reserved != nil && reserved.Is(key, print) {
		return h.store.Claimed(ctx, reserved)
	}
	if reserved != nil { // A handler in between changed what the request is about.
		h.store.Withdraw(ctx, reserved)
	}
	return h.store.Begin(ctx, h.terms, key, print)
}

// claimed is what an API client's request claims, and the fingerprint of what it claims it for.
func claimed(of event.Identity) (idempotency.Key, idempotency.Fingerprint) {
	content := idempotency.Fingerprint(of.Content)
	of.Content = nil // Another one under the key is a mistake.
	return of.Sum(), content
}

// takeReserved returns the reservation of the request, once.
func takeReserved(ctx context.Context) *idempotency.Reservation {
	reserved, _ := caddyhttp.GetVar(ctx, varReserved).(*idempotency.Reservation)
	if reserved != nil {
		caddyhttp.SetVar(ctx, varReserved, nil)
	}
	return reserved
}

var _ ahead.Asker = (*Handler)(nil)
