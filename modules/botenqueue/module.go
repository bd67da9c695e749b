// Package botenqueue is the handler bot_enqueue: it makes an event of a request, hands it
// to the queue, and answers once the queue has it durably.
package botenqueue

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/time/rate"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/idempotency"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/modules/internal/order"
	placeholders "github.com/botgate/botgate/modules/internal/placeholder"
	"github.com/botgate/botgate/modules/internal/requestlog"
	"github.com/botgate/botgate/modules/internal/security"
	"github.com/botgate/botgate/modules/internal/unverified"
)

// Defaults of the options.
const (
	defaultTimeout  = 5 * time.Second
	typePlaceholder = "{http.bot.type}"
	// defaultIdempotencyWindow is how long keys are remembered.
	defaultIdempotencyWindow = 24 * time.Hour
	// defaultIdempotencyBudget is how long Redis may take.
	defaultIdempotencyBudget = 20 * time.Millisecond
)

func init() {
	caddy.RegisterModule(&Handler{})
}

// The bounds of idempotency_window.
const (
	minWindow = time.Second
	maxWindow = 30 * 24 * time.Hour
)

// Handler makes an event of the request and publishes it to the queue. It answers 202
// with the event's id, or the platform's own success reply, only when the queue has
// confirmed that it has the event durably; 503 with Retry-After when it has not.
//
// A repeat of what was confirmed is answered like the first request and not published. The
// gateways tell repeats by their keys, in the Redis of the global option botgate, without
// one in this process: then keys survive reloads, not restarts.
//
// Other answers: 404 for a bot that is not configured, 405 for other methods than
// POST, 413 for a body above max_size, 400 for an unusable Idempotency-Key, 409 for one
// whose request is in progress, 422 for one that was used for another request, 403 where no
// handler before it verified who sends.
type Handler struct {
	// Bot is the name of the bot the event is for; placeholders are expanded, as in
	// all the fields below. Required.
	Bot string `json:"bot,omitempty"`

	// Type is the event's type. Default: {http.bot.type}, which bot_signature sets.
	Type string `json:"type,omitempty"`

	// User is the event's subject. Default: the user that bot_signature found, or else {http.auth.user.id}.
	User string `json:"user,omitempty"`

	// OrderKey groups the events that the bot gets in order. Default: the order key that bot_signature
	// found, or else the user.
	OrderKey string `json:"order_key,omitempty"`

	// MaxSize is the largest body in bytes. Default: what a handler before this one allowed, else 1 MB.
	MaxSize int64 `json:"max_size,omitempty"`

	// Timeout bounds the wait for the queue's confirmation. Default: 5s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Open takes requests of whom nobody knows who sends them. Default: false, and then the
	// configuration is refused where no check stands before the handler, and so is each request
	// that no check verified.
	Open bool `json:"open,omitempty"`

	// IdempotencyWindow is how long a repeat is told from a new request by its key: the
	// Idempotency-Key of an API client, or the id that a platform gives its delivery. 0
	// turns it off. Default: 24h.
	IdempotencyWindow *caddy.Duration `json:"idempotency_window,omitempty"`

	// IdempotencyBudget is how long a request may wait for Redis, each time that it asks.
	// Default: 20ms.
	IdempotencyBudget caddy.Duration `json:"idempotency_budget,omitempty"`

	// PreferWait is the longest that an API client may wait for what the bot answers, by the header
	// "Prefer: wait=10" (RFC 7240): the handlers behind this one are asked for GET /v1/events/{id}/answer, so
	// bot_api has to stand there. At most 30s. Default: 0, and nobody waits.
	PreferWait caddy.Duration `json:"prefer_wait,omitempty"`

	// Wait is how long a platform's request waits for the bot's answer, which then is in the response: where the platform
	// acts on that, and the bots file says "answers": "platform". Default: 2s for discord and slack, 4s for
	// teams-outgoing, 10s for twilio, and 0 for others. 0 turns it off. At most 30s.
	Wait *caddy.Duration `json:"wait,omitempty"`

	// Order is what events of requests that wait are ordered by where order_key is not set: "user" in their channel, or
	// "channel", as others are. Default: user.
	Order string `json:"order,omitempty"`

	// store is nil where the window is 0.
	store   *idempotency.Store
	terms   idempotency.Terms
	release func() error

	app      botgateApp
	budget   *unverified.Budget
	logger   *slog.Logger
	security *security.Log
	// warned reports that the log says what an operator can do about requests that nobody verified.
	warned atomic.Bool
	// warnings are about answers of bots that can't be asked for.
	warnings rate.Sometimes
	now      func() time.Time
}

// botgateApp is what the handler needs of the botgate app.
type botgateApp interface {
	Queue() (queue.Queue, error)
	KnownBot(name string) bool
	HasBots() bool
	// ForwardHeaders are the names of the headers of platforms' requests that go on to the bot.
	ForwardHeaders(bot string) []string
	// AnswersPlatform reports whether the bot's answers are for the platforms that its events are from.
	AnswersPlatform(bot string) bool
	// RedisPipe returns nil where no Redis is configured. Its client must honour the deadlines
	// of contexts, or the budget is none.
	RedisPipe() *redisclient.Pipe
	// Messaging makes the spans of the queue; nil where the environment asks for no traces.
	Messaging() *tracing.Messaging
}

// leaseMargin is how much longer than its publish a claim blocks its key when the gateway
// was killed.
const leaseMargin = time.Second

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_enqueue", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets defaults and finds the app.
func (h *Handler) Provision(ctx caddy.Context) error {
	if err := order.Verify(ctx); err != nil {
		return err
	}
	if err := h.expand(); err != nil {
		return fmt.Errorf("bot_enqueue: %w", err)
	}
	if h.Type == "" {
		h.Type = typePlaceholder
	}
	if h.Timeout == 0 {
		h.Timeout = caddy.Duration(defaultTimeout)
	}
	h.logger = requestlog.Logger(ctx)
	h.security = security.NewLog(ctx)
	h.now = time.Now
	h.warnings = rate.Sometimes{First: 1, Interval: warnEvery}
	shared, err := ctx.App("botgate")
	if err != nil {
		return fmt.Errorf("bot_enqueue: %w", err)
	}
	h.app = shared.(botgateApp)
	if err := h.provisionStore(); err != nil {
		return fmt.Errorf("bot_enqueue: %w", err)
	}
	if h.budget, err = unverified.Acquire(ctx); err != nil {
		return fmt.Errorf("bot_enqueue: %w", err)
	}
	return metric.Register(ctx.GetMetricsRegistry(), "bot_enqueue", collectors...)
}

// expand replaces the placeholders that are not of each request.
func (h *Handler) expand() error {
	for _, option := range []struct {
		name  string
		value *string
	}{{"bot", &h.Bot}, {"type", &h.Type}, {"user", &h.User}, {"order_key", &h.OrderKey}} {
		if *option.value == "" {
			continue
		}
		if err := placeholders.ExpandPattern(option.name, option.value); err != nil {
			return err
		}
	}
	if h.Bot != "" && !strings.Contains(h.Bot, "{") && !event.ValidBot(h.Bot) {
		return fmt.Errorf("option bot: %q is not a bot's name: only letters, digits, '-' and '_', at most 64", h.Bot)
	}
	return nil
}

// provisionStore acquires the keys that are known so far.
func (h *Handler) provisionStore() (err error) {
	window := defaultIdempotencyWindow
	if h.IdempotencyWindow != nil {
		window = time.Duration(*h.IdempotencyWindow)
	}
	if h.IdempotencyBudget == 0 {
		h.IdempotencyBudget = caddy.Duration(defaultIdempotencyBudget)
	}
	if window == 0 {
		return nil
	}
	h.terms = idempotency.Terms{
		Window: window, Lease: time.Duration(h.Timeout) + leaseMargin, Budget: time.Duration(h.IdempotencyBudget),
	}
	h.store, h.release, err = acquire(h.app.RedisPipe(), h.logger)
	return err
}

// Cleanup releases the keys; the last handler to do so forgets them.
func (h *Handler) Cleanup() error {
	err := h.budget.Release()
	if h.release == nil {
		return err
	}
	release := h.release
	h.release = nil
	return errors.Join(err, release())
}

// Validate checks the options.
func (h *Handler) Validate() error {
	switch {
	case h.Bot == "":
		return errors.New("bot_enqueue: option bot: say which bot the events are for, for example {path.2}")
	case h.MaxSize < 0:
		return errors.New("bot_enqueue: option max_size: must be positive")
	case h.Timeout < 0:
		return errors.New("bot_enqueue: option timeout: must be positive")
	case h.IdempotencyWindow != nil && *h.IdempotencyWindow != 0 &&
		(time.Duration(*h.IdempotencyWindow) < minWindow || time.Duration(*h.IdempotencyWindow) > maxWindow):
		return fmt.Errorf("bot_enqueue: option idempotency_window: must be 0, or from %s to %s", minWindow, maxWindow)
	case h.IdempotencyBudget < 0:
		return errors.New("bot_enqueue: option idempotency_budget: must be positive")
	case h.PreferWait != 0 && (time.Duration(h.PreferWait) < time.Second || time.Duration(h.PreferWait) > maxPreferWait):
		return fmt.Errorf("bot_enqueue: option prefer_wait: must be from 1s to %s", maxPreferWait)
	case h.Wait != nil && *h.Wait != 0 && (time.Duration(*h.Wait) < minWait || time.Duration(*h.Wait) > maxWait):
		return fmt.Errorf("bot_enqueue: option wait: must be 0, or from %s to %s", minWait, maxWait)
	case h.Order != "" && h.Order != orderUser && h.Order != orderChannel:
		return fmt.Errorf("bot_enqueue: option order: %q is neither %s nor %s", h.Order, orderUser, orderChannel)
	case !h.app.HasBots():
		return errors.New("bot_enqueue: no bot is configured: set bots or bots_file in the global option botgate")
	}
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
