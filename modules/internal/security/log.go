// Package security writes the one log of refused requests: who was refused, where and why.
package security

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap/exp/zapslog"

	"github.com/botgate/botgate/internal/logcontext"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

// LoggerName is what Caddy's log option includes or excludes.
const LoggerName = "botgate.security"

// Log is the security log. It may be used concurrently.
type Log struct {
	logger  *slog.Logger
	sampler *requestlog.Sampler
}

// NewLog makes a log that writes to Caddy's logger [LoggerName] of the configuration.
func NewLog(ctx caddy.Context) *Log {
	core := ctx.Logger(named{}).Core()
	logger := slog.New(zapslog.NewHandler(core, zapslog.WithName(LoggerName)))
	return newLog(logcontext.Logger(logger, tracing.LogAttrs), time.Now)
}

// named is a module by whose id Caddy finds the logs that take the records.
type named struct{}

// CaddyModule implements [caddy.Module].
func (named) CaddyModule() caddy.ModuleInfo { return caddy.ModuleInfo{ID: LoggerName} }

func newLog(logger *slog.Logger, now func() time.Time) *Log {
	return &Log{logger: logger, sampler: requestlog.NewSampler(now)}
}

// Refused logs a refusal: by which handler, and why, as one of its fixed reasons. Nothing
// of the request is logged that could be a secret: no header, query or body.
func (l *Log) Refused(r *http.Request, by, reason string) {
	suppressed, ok := l.sampler.Sample(by + " " + reason)
	if !ok {
		return
	}
	attrs := append([]slog.Attr{slog.String("by", by), slog.String("reason", reason)}, requestlog.Attrs(r)...)
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	l.logger.LogAttrs(r.Context(), slog.LevelWarn, "request refused", attrs...)
}

// LockedOut logs whom a handler locked out, and for how long; nobody where that is zero.
func (l *Log) LockedOut(r *http.Request, by, who string, left time.Duration) {
	if left <= 0 {
		return
	}
	if _, ok := l.sampler.Sample(by + " locked out"); !ok {
		return
	}
	l.logger.LogAttrs(r.Context(), slog.LevelWarn, "locked out",
		slog.String("by", by), slog.String("who", who), slog.Duration("for", left))
}
