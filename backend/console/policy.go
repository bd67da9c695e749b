package console

import (
	"net/http"
	"strings"
)

// policy lets a page load what the console serves itself, and nothing else; scripts can't write HTML but through the
// Trusted Types policy "console".
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types console"

// noFeatures takes from pages what a browser could let them use.
const noFeatures = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), " +
	"microphone=(), midi=(), payment=(), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()"

func setPolicy(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", noFeatures)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-store: a browser could not keep the page for its button "back" then.
	h.Set("Cache-Control", "private, no-cache")
}

// atGateway is the request as the gateway got it: with the host that the browser asked for, which Origin is compared
// with. No page of another origin can set the header.
func atGateway(r *http.Request) *http.Request {
	host := r.Header.Get("X-Forwarded-Host")
	if host == "" {
		return r
	}
	r = r.WithContext(r.Context())
	r.Host = host
	return r
}

// overTLS reports whether the browser's connection is encrypted.
func overTLS(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// baseURL is what a browser's address of this gateway begins with.
func baseURL(r *http.Request) string {
	if overTLS(r) {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
