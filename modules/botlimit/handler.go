package botlimit

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/go-redis/redis_rate/v10"

	"github.com/botgate/botgate/modules/internal/problem"
)

var limited = problem.New(http.StatusTooManyRequests, "rate-limited", "There were too many requests.")

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	w.Header().Add(policyHeader, h.policy)
	zone, result, err := h.refusedBy(r, w.Header())
	if err != nil {
		return fmt.Errorf("bot_rate_limit: %w", err)
	}
	if zone == nil {
		return next.ServeHTTP(w, r)
	}
	h.logger.DebugContext(r.Context(), "request refused", slog.String("zone", zone.Name))
	return limited.
		WithDetail("The limit %q is %s. Retry-After says when to come back.", zone.Name, zone.Rate).
		WithRetryAfter(result.RetryAfter).
		Write(w)
}

// refusedBy counts the request and returns the first zone that refuses it, or nil. The
// zones' states are added to the header.
func (h *Handler) refusedBy(r *http.Request, header http.Header) (*Zone, *redis_rate.Result, error) {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	deciding := h.store.begin(r.Context())
	defer deciding.end()
	for i := range h.Zones {
		zone := &h.Zones[i]
		key := hashKey(zone.Name, repl.ReplaceAll(zone.Key, ""))
		result, degraded, err := deciding.allow(key, zone.limit)
		if err != nil {
			return nil, nil, err
		}
		zone.counters.observe(result.Allowed > 0, degraded)
		addLimit(header, zone.Name, result)
		if result.Allowed == 0 {
			return zone, result, nil
		}
	}
	return nil, nil, nil
}
