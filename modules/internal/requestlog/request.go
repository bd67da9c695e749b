// Package requestlog is what records about requests have in common: what may be said of a request, and
// how often.
package requestlog

import (
	"log/slog"
	"net/http"
	"strings"
	"unicode"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// maxText is the longest text in a record, in bytes.
const maxText = 256

// Attrs are what a record says about a request. Nothing is in it that could be a secret: no
// header, query or body.
func Attrs(r *http.Request) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("request_id", ID(r)),
		slog.String("client", client(r)), slog.String("method", r.Method), slog.String("path", path(r)),
	}
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return attrs
	}
	for name, placeholder := range map[string]string{
		"user": "http.auth.user.id", "platform": "http.bot.platform",
	} {
		if value, ok := repl.GetString(placeholder); ok && value != "" {
			attrs = append(attrs, slog.String(name, Printable(value)))
		}
	}
	return attrs
}

// client is the address that Caddy's trusted_proxies found out.
func client(r *http.Request) string {
	address, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return address
}

// path is the one that was asked for, whatever it was rewritten to.
func path(r *http.Request) string {
	asked := r.URL.Path
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		asked = original.URL.Path
	}
	return Printable(asked)
}

// Printable keeps a record one line of bounded length: a text is cut after 256 bytes.
func Printable(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, text)
}
