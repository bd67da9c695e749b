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

// Request is what a record may say about a request. Nothing is in it that could be a secret: no header, query or body.
type Request struct {
	ID, Client, Method, Path string
	// Platform is the one that a handler verified; empty for none. So is User, as it was given.
	Platform, User string
}

// Of describes a request.
func Of(r *http.Request) Request {
	d := Request{ID: ID(r), Client: Client(r), Method: Printable(r.Method), Path: path(r)}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		user, _ := repl.GetString("http.auth.user.id")
		platform, _ := repl.GetString("http.bot.platform")
		d.User, d.Platform = user, Printable(platform)
	}
	return d
}

// Attrs are what a record says about a request.
func Attrs(r *http.Request) []slog.Attr { return Of(r).Attrs() }

// Attrs are the description as a record has it.
func (d Request) Attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("request_id", d.ID),
		slog.String("client", d.Client), slog.String("method", d.Method), slog.String("path", d.Path),
	}
	if d.User != "" {
		attrs = append(attrs, slog.String("user", Printable(d.User)))
	}
	if d.Platform != "" {
		attrs = append(attrs, slog.String("platform", d.Platform))
	}
	return attrs
}

// Client is the address that Caddy's trusted_proxies found out.
func Client(r *http.Request) string {
	address, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return address
}

func path(r *http.Request) string { return Printable(AskedPath(r)) }

// AskedPath is the path that was asked for, whatever it was rewritten to.
func AskedPath(r *http.Request) string {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		return original.URL.Path
	}
	return r.URL.Path
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
