package botlimit

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/limit"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/modules/internal/ahead"
	"github.com/botgate/botgate/modules/internal/delivery"
	"github.com/botgate/botgate/modules/internal/security"
)

// placeholderExceeded is the name of the zone that refused the request, or that slows it
// down.
const placeholderExceeded = "http.bot.limit_exceeded"

// crowdedRetry is how long callers with too many requests under way are asked to wait:
// when one of these will end is not known.
const crowdedRetry = time.Second

var (
	limited  = problem.New(http.StatusTooManyRequests, "rate-limited", "There were too many requests.")
	unknown  = problem.New(http.StatusServiceUnavailable, "limits-unavailable", "The rate limits could not be checked.").WithRetryAfter(time.Second)
	detail   = "The limit %q is %s. Retry-After says when to come back."
	inFlight = "The limit %q is %d requests at once. Wait for answers before sending more."
)

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.defers(r) {
		h.slowDown(w.Header(), r)
		return next.ServeHTTP(w, r)
	}
	a := h.asks(r, true)
	leave, refusal := h.enter(r, a)
	if refusal == nil {
		defer leave()
		next := h.next()
		if next != nil {
			defer next.Forgo(r)
		}
		refusal = h.take(w.Header(), r, a, next)
	}
	if refusal == nil {
		return next.ServeHTTP(w, r)
	}
	h.security.Count(r, security.Refusal{Handler: "bot_rate_limit", Reason: refusal.Slug()})
	h.logger.DebugContext(r.Context(), "request refused", slog.String("reason", refusal.Slug()), slog.String("detail", refusal.Detail))
	return refusal.Write(w)
}

func (h *Handler) defers(r *http.Request) bool {
	if h.OverLimit == "" {
		return delivery.Of(r) != nil
	}
	return h.OverLimit == overLimitDefer
}

// enter takes the places among the requests under way, or says why there is none.
func (h *Handler) enter(r *http.Request, a *ask) (leave func(), refusal *problem.Problem) {
	if len(a.slots) == 0 {
		return func() {}, nil
	}
	leave, refused := h.limiter.Enter(a.slots)
	if refused < 0 {
		return leave, nil
	}
	zone := a.slotZones[refused]
	if h.over(r, zone) {
		return func() {}, nil
	}
	return nil, limited.WithDetail(inFlight, zone.Name, zone.MaxInFlight).WithRetryAfter(crowdedRetry)
}

// take counts the request, or says why it may not pass.
func (h *Handler) take(header http.Header, r *http.Request, a *ask, next ahead.Asker) *problem.Problem {
	if len(a.takes) == 0 {
		return nil
	}
	d, err := h.limiter.Take(r.Context(), h.policy, a.takes, along(r, next))
	if d.Degraded {
		for _, from := range a.from {
			from.zone.counters.degraded.Inc()
		}
	}
	if err != nil {
		if h.DryRun {
			return nil
		}
		return unknown
	}
	if !h.DryRun {
		h.addHeaders(header, a, d.Results, false)
	}
	if d.Allowed {
		for _, from := range a.from {
			from.zone.counters.allowed.Inc()
		}
		return nil
	}
	refused := a.from[d.Refused()]
	if h.over(r, refused.zone) {
		return nil
	}
	return limited.WithDetail(detail, refused.zone.Name, refused.allow.rate).WithRetryAfter(d.Results[d.Refused()].RetryAfter)
}

// along is what the next handler asks Redis in the same round trip.
func along(r *http.Request, next ahead.Asker) limit.Along {
	if next == nil {
		return nil
	}
	return func() *redisclient.Call { return next.Ask(r) }
}

// over notes that the request is above the zone's limit, and reports whether it passes
// nevertheless.
func (h *Handler) over(r *http.Request, zone *Zone) (passes bool) {
	mark(r, zone)
	if h.DryRun {
		zone.counters.wouldRefuse.Inc()
		return true
	}
	zone.counters.refused.Inc()
	return false
}

// slowDown counts each event of the request, on credit where there is not enough, and
// tells whoever queues them when they may be delivered.
func (h *Handler) slowDown(header http.Header, r *http.Request) {
	a := h.asks(r, false)
	if len(a.takes) == 0 {
		return
	}
	d := h.limiter.Defer(r.Context(), h.policy, a.takes, time.Duration(h.MaxDelay))
	now := time.Now()
	for i, from := range a.from {
		delay := d.Results[i].Delay
		if d.Degraded {
			from.zone.counters.degraded.Inc()
		}
		switch {
		case delay == 0:
			from.zone.counters.allowed.Inc()
		case h.DryRun:
			from.zone.counters.wouldDefer.Inc()
		default:
			mark(r, from.zone)
			from.zone.counters.deferred.Inc()
			delivery.Postpone(r, from.event, now.Add(delay))
		}
	}
	if !h.DryRun {
		h.addHeaders(header, a, d.Results, true)
	}
}

func mark(r *http.Request, zone *Zone) {
	r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Set(placeholderExceeded, zone.Name)
}

// addHeaders tells the caller the limits and what is left of them; of a batch that is
// slowed down, for the first event.
func (h *Handler) addHeaders(header http.Header, a *ask, results []limit.Result, firstEvent bool) {
	n := len(results)
	if firstEvent {
		for n = 0; n < len(results) && a.from[n].event == 0; n++ {
		}
	}
	addPolicy(header, a.from[:n])
	for i, r := range results[:n] {
		if r.Known {
			addLimit(header, a.from[i].zone.Name, r)
		}
	}
	if h.LegacyHeaders {
		setLegacy(header, a.from[:n], results[:n])
	}
}
