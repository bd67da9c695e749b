package payload

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/modules/internal/lockout"
	"github.com/botgate/botgate/modules/internal/unverified"
)

const (
	varTrusted = "botgate_trusted"
	// placeholderUser is set by handlers that find out who the client is.
	placeholderUser = "http.auth.user.id"
)

// Trust says that it is known who sends the request: its body does not count against the budget
// for unknown senders any more.
func Trust(r *http.Request) {
	caddyhttp.SetVar(r.Context(), varTrusted, true)
	Release(r)
}

// Release gives back what the request's body holds of the budget. The handlers that asked for
// the body defer it.
func Release(r *http.Request) {
	if p, ok := caddyhttp.GetVar(r.Context(), varKey).(*Payload); ok {
		p.lease.Release()
	}
}

// Drop is [Release] by a caller of [Of] that refuses the request and keeps nothing of the body: the next
// one may be read into its memory. Nobody gets the body any more.
func Drop(r *http.Request) {
	p, ok := caddyhttp.GetVar(r.Context(), varKey).(*Payload)
	if !ok || p.shared {
		return
	}
	r.Body = http.NoBody
	caddyhttp.SetVar(r.Context(), varKey, nil)
	p.drop()
}

func (p *Payload) drop() {
	p.lease.Release()
	p.lease.Recycle(p.Raw)
	p.Raw = nil
}

// leaseFor returns the lease for the body of the request; nil where nothing counts.
func leaseFor(r *http.Request, budget *unverified.Budget) *unverified.Lease {
	if budget == nil || isKnown(r) {
		return nil
	}
	return budget.Lease(lockout.Address(r))
}

func isKnown(r *http.Request) bool {
	if trusted, _ := caddyhttp.GetVar(r.Context(), varTrusted).(bool); trusted {
		return true
	}
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return false
	}
	user, _ := repl.GetString(placeholderUser)
	return user != ""
}
