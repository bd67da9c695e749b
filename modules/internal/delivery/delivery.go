// Package delivery carries what a verified webhook brings from bot_signature to the
// handlers that follow.
package delivery

import (
	"net/http"
	"time"

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
	placeholderType       = "http.bot.type"
	PlaceholderUser       = "http.bot.user"
	PlaceholderOrderKey   = "http.bot.order_key"
	placeholderKey        = "http.bot.delivery_key"
)

// IsPlaceholder reports whether there is a placeholder of that name.
func IsPlaceholder(name string) bool {
	switch name {
	case PlaceholderPlatform, PlaceholderVerifiedBy, placeholderType, PlaceholderUser, PlaceholderOrderKey, placeholderKey:
		return true
	}
	return false
}

// Delivery is what a platform delivered with one request.
type Delivery struct {
	// Platform is the name of the platform that signed the request.
	Platform string
	// Accounts are the names of whom the platform speaks for: its events share one space of keys.
	// The first one makes the ids; there are others while its secret is rotated.
	Accounts []string
	// Signed is for each event the SHA-256 of what was signed, where the same bytes again are a repeat;
	// nil where they can be another delivery, where its key is signed, and where nothing is.
	Signed [][]byte
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
	repl.Set(placeholderType, e.Type)
	repl.Set(PlaceholderUser, e.User)
	repl.Set(PlaceholderOrderKey, e.OrderKey)
	repl.Set(placeholderKey, e.Key.Value)
}

// Of returns the request's delivery, or nil when no platform signed it.
func Of(r *http.Request) *Delivery {
	d, _ := caddyhttp.GetVar(r.Context(), varKey).(*Delivery)
	return d
}

const varNotBefore = "botgate_not_before"

// Postpone asks bot_enqueue not to have the event of that number delivered before
// the time. Asked several times, the latest counts. A request without a delivery has one
// event, number 0.
func Postpone(r *http.Request, event int, until time.Time) {
	times, _ := caddyhttp.GetVar(r.Context(), varNotBefore).(map[int]time.Time)
	if times == nil {
		times = make(map[int]time.Time)
		caddyhttp.SetVar(r.Context(), varNotBefore, times)
	}
	if until.After(times[event]) {
		times[event] = until
	}
}

// NotBefore is what [Postpone] asked, or the zero time.
func NotBefore(r *http.Request, event int) time.Time {
	times, _ := caddyhttp.GetVar(r.Context(), varNotBefore).(map[int]time.Time)
	return times[event]
}

// WriteReply answers a platform in its own words.
func WriteReply(w http.ResponseWriter, reply *platform.Reply) {
	if reply.ContentType != "" {
		w.Header().Set("Content-Type", reply.ContentType)
	}
	w.WriteHeader(reply.Status)
	// The platform may be gone; there is nobody left to tell.
	_, _ = w.Write(reply.Body)
}
