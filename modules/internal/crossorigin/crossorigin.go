// Package crossorigin finds requests that a page of another origin had a browser send, with the cookies of
// somebody who does not know of it (CSRF). What bot_cors allows is known to the handlers that follow it.
package crossorigin

import (
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/problem"
)

// Problem is the answer to what pages of other origins may not do.
var Problem = problem.New(http.StatusForbidden, "cross-origin", "A page of another origin may not do this.")

const allowed = "botgate_origin_allowed"

// Allow notes that pages of the request's origin may act as the user whose cookies it has.
func Allow(r *http.Request) { caddyhttp.SetVar(r.Context(), allowed, true) }

// Forged reports whether the request is [Foreign] and may change something, or opens a WebSocket, which no browser
// keeps from a page either.
func Forged(r *http.Request) bool { return !safe(r) && Foreign(r) }

// Foreign reports whether the request comes from a page of an origin that is neither the server's own nor noted by
// [Allow]. It goes by Sec-Fetch-Site, else by Origin, as [http.CrossOriginProtection] does, else by Referer. What has
// none of these is no browser's: all that are in use send one of the first two with what changes something.
func Foreign(r *http.Request) bool {
	if caddyhttp.GetVar(r.Context(), allowed) == true {
		return false
	}
	changing := *r // The library lets whatever has another method pass.
	changing.Method = http.MethodPost
	if new(http.CrossOriginProtection).Check(&changing) != nil {
		return true
	}
	if r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != "" || r.Header.Get("Referer") == "" {
		return false
	}
	page, err := url.Parse(r.Header.Get("Referer"))
	return err != nil || page.Host != r.Host
}

func safe(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return r.Header.Get("Upgrade") == ""
	}
	return false
}
