// Package redact leaves out of addresses in the logs what lets their reader in, and is the log filter bot_secrets, which
// does that to any field. Caddy writes an address down before any handler sees it, so no handler can take a token out.
package redact

import (
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap/zapcore"
)

func init() {
	caddy.RegisterModule(&Filter{})
}

// redacted is what stands for a secret.
const redacted = "REDACTED"

// names are the parameters whose values are secrets: those of OAuth 2.0 (RFC 6749, RFC 7521, RFC 8628), of OpenID
// Connect, of the platforms, and what else is called so. Names that bot_jwt reads tokens from are added; they stay,
// since a log may be told of a request that an earlier configuration began.
var names sync.Map

func init() {
	for _, name := range []string{
		"access_token", "token", "id_token", "refresh_token", "id_token_hint", "client_secret", "client_assertion", "assertion",
		"code", "code_verifier", "device_code", "hub.verify_token", "verify_token", "secret", "password", "api_key", "apikey",
		"key", "sig", "signature", "x-amz-signature", "x-amz-security-token", "jwt", "auth", "authorization", "ticket",
	} {
		Parameter(name)
	}
}

// Parameter has the values of a parameter left out of the logs.
func Parameter(name string) { names.Store(strings.ToLower(name), true) }

// tokenBegin is how every JSON Web Token begins.
const tokenBegin = "eyJ"

// token is what looks like a JSON Web Token, wherever it stands.
var token = regexp.MustCompile(tokenBegin + `[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*`)

// Filter replaces in addresses the values of parameters that hold secrets, and tokens wherever they stand. Of the
// fields of a log it takes text, and lists of text such as the values of a header. Caddyfile, in "format filter":
//
//	request>uri bot_secrets
type Filter struct{}

// CaddyModule returns the Caddy module information.
func (*Filter) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.encoders.filter.bot_secrets", New: func() caddy.Module { return new(Filter) }}
}

// UnmarshalCaddyfile sets up the filter, which takes no options.
func (*Filter) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() || d.NextBlock(d.Nesting()) {
		return d.ArgErr()
	}
	return nil
}

// Filter implements [logging.LogFieldFilter].
func (*Filter) Filter(field zapcore.Field) zapcore.Field {
	if list, ok := field.Interface.(caddyhttp.LoggableStringArray); ok {
		clean := make(caddyhttp.LoggableStringArray, len(list))
		for i, text := range list {
			clean[i] = Address(text)
		}
		field.Interface = clean
		return field
	}
	field.String = Address(field.String)
	return field
}

// Address replaces in an address the values of parameters that hold secrets, and tokens wherever they stand. It keeps
// everything else as it is written.
func Address(address string) string {
	path, query, has := strings.Cut(address, "?")
	if !has {
		return replaceTokens(address)
	}
	var clean strings.Builder
	clean.WriteString(path)
	// Some read a ";" as they read a "&", and a fragment may have parameters, too.
	for begin, separator := 0, "?"; begin <= len(query); {
		end := len(query)
		if at := strings.IndexAny(query[begin:], "&;#"); at >= 0 {
			end = begin + at
		}
		clean.WriteString(separator)
		clean.WriteString(redactParameter(query[begin:end]))
		if end == len(query) {
			break
		}
		begin, separator = end+1, query[end:end+1]
	}
	return replaceTokens(clean.String())
}

func replaceTokens(address string) string {
	if !strings.Contains(address, tokenBegin) {
		return address
	}
	return token.ReplaceAllString(address, redacted)
}

func redactParameter(parameter string) string {
	name, _, has := strings.Cut(parameter, "=")
	plain, err := url.QueryUnescape(name)
	if err != nil {
		plain = name
	}
	if _, secret := names.Load(strings.ToLower(strings.TrimSpace(plain))); secret && has {
		return name + "=" + redacted
	}
	return parameter
}

// Interface guards.
var (
	_ logging.LogFieldFilter = (*Filter)(nil)
	_ caddyfile.Unmarshaler  = (*Filter)(nil)
)
