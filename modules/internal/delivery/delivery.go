// Package delivery carries what a verified webhook brings from bot_signature to the
// handlers that follow.
package delivery

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/platform"
)

const varKey = "botgate_delivery"

// The placeholders of the event that is being handled. Of a batch, that is the first
// event until bot_enqueue goes through them.
const (
	PlaceholderPlatform   = "http.bot.platform"
	PlaceholderVerifiedBy = "http.bot.verified_by"
	PlaceholderType       = "http.bot.type"
	PlaceholderUser       = "http.bot.user"
	PlaceholderOrderKey   = "http.bot.order_key"
	PlaceholderDedupeID   = "http.bot.dedupe_id"
)

// Delivery is what a platform delivered with one request.
type Delivery struct {
	// Platform is the name of the platform that signed the request.
	Platform string
	platform.Delivery
}

// Set hands the delivery to the handlers that follow and sets the placeholders.
func Set(r *http.Request, d *Delivery) {
	caddyhttp.SetVar(r.Context(), varKey, d)
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	repl.Set(PlaceholderPlatform, d.Platform)
	repl.Set(PlaceholderVerifiedBy, d.Platform)
	if len(d.Events) > 0 {
		SetEvent(repl, d.Events[0])
	}
}

// SetEvent points the placeholders at one of the events.
func SetEvent(repl *caddy.Replacer, e platform.Event) {
	repl.Set(PlaceholderType, e.Type)
	repl.Set(PlaceholderUser, e.User)
	repl.Set(PlaceholderOrderKey, e.OrderKey)
	repl.Set(PlaceholderDedupeID, e.DedupeID)
}

// Of returns the request's delivery, or nil when no platform signed it.
func Of(r *http.Request) *Delivery {
	d, _ := caddyhttp.GetVar(r.Context(), varKey).(*Delivery)
	return d
}
