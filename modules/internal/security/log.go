// Package security writes the one log of refused requests: who was refused, where and why.
package security

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap/exp/zapslog"
)

// loggerName is what Caddy's log option includes or excludes.
const loggerName = "botgate.security"

// Under attack, a reason is logged this often a second, and then one time in so many.
const (
	burst = 20
	every = 100
)

// maxPath is the longest path in a record, in bytes.
const maxPath = 256

// Log is the security log. It may be used concurrently.
type Log struct {
	logger *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	windows map[string]*window
}

// window counts the refusals for one reason in one second.
type window struct {
	second     int64
	count      int
	suppressed int
}

// NewLog makes a log that writes to Caddy's logger [loggerName] of the configuration.
func NewLog(ctx caddy.Context) *Log {
	core := ctx.Logger(named{}).Core()
	return newLog(slog.New(zapslog.NewHandler(core, zapslog.WithName(loggerName))), time.Now)
}

// named is a module by whose id Caddy finds the logs that take the records.
type named struct{}

// CaddyModule implements [caddy.Module].
func (named) CaddyModule() caddy.ModuleInfo { return caddy.ModuleInfo{ID: loggerName} }

func newLog(logger *slog.Logger, now func() time.Time) *Log {
	return &Log{logger: logger, now: now, windows: map[string]*window{}}
}

// Refused logs a refusal: by which handler, and why, as one of its fixed reasons. Nothing
// of the request is logged that could be a secret: no header, query or body.
func (l *Log) Refused(r *http.Request, by, reason string) {
	suppressed, ok := l.sample(by + " " + reason)
	if !ok {
		return
	}
	attrs := []slog.Attr{
		slog.String("by", by), slog.String("reason", reason),
		slog.String("client", client(r)), slog.String("method", r.Method), slog.String("path", path(r)),
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		for name, placeholder := range map[string]string{
			"request_id": "http.request.uuid", "user": "http.auth.user.id", "platform": "http.bot.platform",
		} {
			if value, ok := repl.GetString(placeholder); ok && value != "" {
				attrs = append(attrs, slog.String(name, printable(value)))
			}
		}
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	l.logger.LogAttrs(r.Context(), slog.LevelWarn, "request refused", attrs...)
}

// sample decides whether to log, and how many like it were not since the last one.
func (l *Log) sample(key string) (suppressed int, ok bool) {
	second := l.now().Unix()
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.windows[key]
	if w == nil {
		w = &window{}
		l.windows[key] = w
	}
	if w.second != second {
		w.second, w.count = second, 0
	}
	w.count++
	if w.count > burst && w.count%every != 0 {
		w.suppressed++
		return 0, false
	}
	suppressed, w.suppressed = w.suppressed, 0
	return suppressed, true
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
	return printable(asked)
}

// printable keeps a record one line of bounded length.
func printable(text string) string {
	if len(text) > maxPath {
		text = text[:maxPath]
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, text)
}
