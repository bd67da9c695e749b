// Package security is where handlers say which requests they refuse: for the metrics, for the report to the backend, and
// for the one log of who was refused, where and why.
package security

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/exp/zapslog"

	"github.com/botgate/botgate/internal/logcontext"
	"github.com/botgate/botgate/internal/report"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/modules/internal/refusals"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

// LoggerName is what Caddy's log option includes or excludes.
const LoggerName = "botgate.security"

// Log is where the handlers of a configuration say what they refuse. It may be used concurrently.
type Log struct {
	logger  *slog.Logger
	sampler *requestlog.Sampler
	// shared is nil without a botgate app; then nothing is reported.
	shared botgateApp
}

// botgateApp is what the log needs of the botgate app.
type botgateApp interface {
	Refusals() *refusals.Tally
	KnownBot(name string) bool
}

// Refusal is why a request is refused.
type Refusal struct {
	// Handler refuses it, for a Reason: one of the handler's fixed set.
	Handler, Reason string
	// Platform is the one of the configuration that the request is said to be from; empty for none.
	Platform string
	// Bot is the one that the request is for, where the handler was told; empty where only the route knows.
	Bot string
	// Counter counts it in the metrics; nil where something else does.
	Counter prometheus.Counter
}

// NewLog makes a log that writes to Caddy's logger [LoggerName] of the configuration.
func NewLog(ctx caddy.Context) *Log {
	core := ctx.Logger(named{}).Core()
	logger := slog.New(zapslog.NewHandler(core, zapslog.WithName(LoggerName)))
	l := newLog(logcontext.Logger(logger, tracing.LogAttrs), time.Now)
	if app, err := ctx.AppIfConfigured("botgate"); err == nil {
		l.shared, _ = app.(botgateApp)
	}
	return l
}

// named is a module by whose id Caddy finds the logs that take the records.
type named struct{}

// CaddyModule implements [caddy.Module].
func (named) CaddyModule() caddy.ModuleInfo { return caddy.ModuleInfo{ID: LoggerName} }

func newLog(logger *slog.Logger, now func() time.Time) *Log {
	return &Log{logger: logger, sampler: requestlog.NewSampler(now)}
}

// Count counts a refusal, in the metrics and in the report to the backend.
func (l *Log) Count(r *http.Request, why Refusal) {
	if why.Counter != nil {
		why.Counter.Inc()
	}
	if why.Bot != "" {
		refusals.About(r, why.Bot)
	}
	if l.shared != nil {
		l.shared.Refusals().Note(r,
			report.Refusal{Handler: why.Handler, Reason: why.Reason, Platform: why.Platform}, l.shared.KnownBot)
	}
}

// Refused counts a refusal, and logs it. Nothing of the request is logged that could be a secret: no header, query or
// body.
func (l *Log) Refused(r *http.Request, why Refusal) {
	l.Count(r, why)
	suppressed, ok := l.sampler.Sample(why.Handler + " " + why.Reason)
	if !ok {
		return
	}
	attrs := append([]slog.Attr{slog.String("by", why.Handler), slog.String("reason", why.Reason)}, requestlog.Attrs(r)...)
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
